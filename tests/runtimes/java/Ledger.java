package facelite;

import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Map;
import java.util.TreeMap;

/** LiteRT, and a book of the handles that it made and that were not destroyed since: {@code balance} of a model that was closed is empty. */
final class Ledger {
    private final Map<Long, String> open = new TreeMap<>();

    /** LiteRT with every call written down. */
    LiteRt library() {
        return (LiteRt) Proxy.newProxyInstance(LiteRt.class.getClassLoader(), new Class<?>[] {LiteRt.class}, this::call);
    }

    /** Handles and what made them. */
    Map<Long, String> balance() {
        return open;
    }

    private Object call(Object proxy, Method method, Object[] arguments) throws Throwable {
        Object status;
        try {
            status = method.invoke(LiteRt.LIBRARY, arguments);
        } catch (InvocationTargetException error) {
            throw error.getCause();
        }
        String name = method.getName();
        if (name.startsWith("LiteRtCreate") && status.equals(0)) {
            open.put(Pointer.nativeValue(((PointerByReference) arguments[arguments.length - 1]).getValue()), name);
        } else if (name.startsWith("LiteRtDestroy") && open.remove(Pointer.nativeValue((Pointer) arguments[0])) == null) {
            throw new IllegalStateException("expected an open handle, got one that was never made or is destroyed already: " + name);
        }
        return status;
    }
}
