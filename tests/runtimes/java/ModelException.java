package facelite;

/** A model that cannot be opened or run; the message says what was tried and why it failed. */
final class ModelException extends RuntimeException {
    private static final long serialVersionUID = 1;

    ModelException(String message) {
        super(message);
    }
}
