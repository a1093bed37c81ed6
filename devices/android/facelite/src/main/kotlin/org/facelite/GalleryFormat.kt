package org.facelite

import org.json.JSONArray
import org.json.JSONObject
import java.text.ParseException
import java.text.SimpleDateFormat
import java.util.Date
import java.util.Locale
import java.util.TimeZone
import kotlin.math.abs
import kotlin.math.sqrt

private const val FORMAT = 1
private val TIME = Regex("([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\\.[0-9]+)?(Z|\\+00:00)") // parts of a second, UTC

/** `{"format": 1, "space", "templates": [{"subject", "artefact", "enrolled_at", "vector"}]}` in UTF-8. */
internal fun writeGallery(space: String, templates: List<Template>): ByteArray {
    val times = times()
    val list = JSONArray()
    for (template in templates) {
        val vector = JSONArray()
        template.values.forEach { vector.put(it.toDouble()) } // a float32 is exact in the digits of a float64
        list.put(
            JSONObject()
                .put("subject", template.subject)
                .put("artefact", template.artefact)
                .put("enrolled_at", times.format(Date(template.enrolledAt)))
                .put("vector", vector),
        )
    }
    return JSONObject().put("format", FORMAT).put("space", space).put("templates", list).toString().toByteArray(Charsets.UTF_8)
}

/** The space and the templates of [size] numbers. */
internal fun readGallery(content: ByteArray, size: Int): Pair<String, List<Template>> = parsing("gallery", remedy = "enrol again") {
    val json = table(content)
    expect(json.int("format") == FORMAT, "a gallery of format $FORMAT", json.int("format"))
    val times = times()
    json.text("space") to json.list("templates").tables().map { one ->
        val subject = one.text("subject")
        val values = one.list("vector").numbers()
        expect(isStoredName(subject), "a subject's name", "a blank one or control characters")
        expect(values.size == size, "vectors of $size numbers", values.size)
        expect(abs(sqrt(values.sumOf { it * it }) - 1) <= 1e-3, "vectors of length 1", "another")
        Template(subject, one.text("artefact"), time(one.text("enrolled_at"), times), FloatArray(size) { values[it].toFloat() })
    }
}

/** ISO 8601, UTC; parts of a second are left out. */
private fun time(text: String, times: SimpleDateFormat): Long =
    try {
        val (seconds) = TIME.matchEntire(text)?.destructured ?: throw ParseException(text, 0)
        checkNotNull(times.parse("${seconds}Z")).time
    } catch (_: ParseException) {
        unexpected("a time in UTC (ISO 8601)", text)
    }

private fun times(): SimpleDateFormat = SimpleDateFormat("yyyy-MM-dd'T'HH:mm:ss'Z'", Locale.ROOT).apply {
    timeZone = TimeZone.getTimeZone("UTC")
    isLenient = false
}
