package org.facelite

import org.json.JSONArray
import org.json.JSONException
import org.json.JSONObject
import org.json.JSONTokener

/** Reads JSON by its types alone: org.json takes "1" for a number and 1 for a text, and reads more than JSON. */
internal class Table(private val json: JSONObject) {
    val keys: Set<String> get() = json.keys().asSequence().map { it as String }.toSet()

    operator fun contains(key: String): Boolean = json.has(key)

    fun text(key: String): String = get(key) as? String ?: unexpected("a text as $key", json.opt(key))

    fun number(key: String): Double = number(get(key), key)

    fun number(key: String, default: Double): Double = if (key in this) number(key) else default

    fun int(key: String): Int = get(key) as? Int ?: unexpected("an integer as $key", json.opt(key))

    fun table(key: String): Table = Table(get(key) as? JSONObject ?: unexpected("an object as $key", json.opt(key)))

    fun list(key: String): Items = Items(get(key) as? JSONArray ?: unexpected("a list as $key", json.opt(key)), key)

    private fun get(key: String): Any = json.opt(key) ?: unexpected("the key $key", null)
}

/** A list; [name] is what it stands for in messages. */
internal class Items(private val json: JSONArray, private val name: String) {
    val size: Int get() = json.length()

    fun numbers(): DoubleArray = DoubleArray(size) { number(json.opt(it), name) }

    fun ints(): IntArray = IntArray(size) { json.opt(it) as? Int ?: unexpected("integers as $name", json.opt(it)) }

    fun tables(): List<Table> = List(size) { Table(json.opt(it) as? JSONObject ?: unexpected("objects as $name", json.opt(it))) }

    fun lists(): List<Items> = List(size) { Items(json.opt(it) as? JSONArray ?: unexpected("lists as $name", json.opt(it)), name) }
}

private class Unexpected(message: String) : RuntimeException(message)

internal fun table(content: ByteArray): Table = Table(parsed(content) as? JSONObject ?: unexpected("a JSON object", "something else"))

internal fun items(content: ByteArray): Items = Items(parsed(content) as? JSONArray ?: unexpected("a JSON list", "something else"), "entries")

internal fun expect(holds: Boolean, expected: String, got: Any?) {
    if (!holds) {
        unexpected(expected, got)
    }
}

/** What [read] gives; a FaceliteException that names the [file] where that is not as it expects. */
internal fun <T> parsing(file: String, remedy: String = "pack the assets again", read: () -> T): T {
    try {
        return read()
    } catch (error: Unexpected) {
        throw FaceliteException("$file: ${error.message}; $remedy", error)
    }
}

private const val SPACE = " \t\r\n"

private fun parsed(content: ByteArray): Any? =
    try {
        val text = JSONTokener(String(content, Charsets.UTF_8))
        val value = text.nextValue()
        while (text.more()) {
            expect(text.next() in SPACE, "nothing behind the JSON value", "more")
        }
        value
    } catch (error: JSONException) {
        unexpected("JSON", error.message)
    }

private fun number(value: Any?, name: String): Double {
    val number = (value as? Number ?: unexpected("a number as $name", value)).toDouble()
    expect(!number.isNaN() && !number.isInfinite(), "a finite number as $name", number)
    return number
}

internal fun unexpected(expected: String, got: Any?): Nothing = throw Unexpected("expected $expected, got ${got.toString().take(40)}")
