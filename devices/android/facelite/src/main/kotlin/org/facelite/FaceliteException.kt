package org.facelite

/**
 * No decision can be made: assets that are damaged or fail the self-test, a rate that was not measured, a gallery of another embedder.
 *
 * The message reads "expected ..., got ...; what to do". It is a fault of what the app was given or of how it was packed, never a rejection.
 */
public class FaceliteException @JvmOverloads constructor(message: String, cause: Throwable? = null) : RuntimeException(message, cause)
