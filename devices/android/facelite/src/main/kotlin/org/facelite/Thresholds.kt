package org.facelite

import java.util.Locale
import kotlin.math.abs
import kotlin.math.pow

/**
 * A distance up to which faces are accepted.
 *
 * @property distance below 0: nothing is accepted.
 * @property fmr false match rate of one comparison that it was measured at: the share of pairs of two people that are accepted.
 */
public class Threshold internal constructor(public val distance: Double, public val fmr: Double) {
    override fun toString(): String = "Threshold(distance=$distance, fmr=$fmr)"
}

/**
 * Which threshold decides (section 13 of the specification). None is made up between two that were measured.
 *
 * @property default the false match rate used unless another is asked for.
 * @property own for templates of the bundle's own embedder, by falling rate.
 * @property byKind for others: by the sha256 of the embedder that made them, and `fused N` for N templates that are compared as one.
 */
internal class Thresholds(private val default: Double, private val own: List<Threshold>, private val byKind: Map<String, List<Threshold>>) {
    /** The false match rates that were measured for templates of the bundle's own embedder. */
    val rates: List<Double> get() = own.map { it.fmr }

    /** How many templates may be compared as one besides 1, rising. */
    val fused: List<Int> = FUSED.filter { fusedKind(it) in byKind }

    /** For two pictures; null: at the default rate. */
    fun forPictures(fmr: Double?): Threshold {
        val wanted = fmr ?: default
        expectRate(wanted)
        return own.firstOrNull { abs(it.fmr - wanted) <= 1e-9 + 1e-6 * wanted }
            ?: throw FaceliteException("expected a false match rate out of ${rates.joinToString()}, got $wanted; ask for one of these")
    }

    /** For one subject who is compared by [vectors] vectors of these [kinds]; null where no rate that small was measured. */
    fun forSubject(vectors: Int, fmr: Double, kinds: Set<String>): Threshold? = strictest(vectors, forPictures(fmr).fmr, kinds)

    /** For all of a gallery: strangers are taken for somebody at a rate of at most [fpir]; null where no rate that small was measured. */
    fun forGallery(vectors: Int, fpir: Double, kinds: Set<String>): Threshold? {
        expectRate(fpir)
        return strictest(vectors, fpir, kinds)
    }

    /** Beyond it two pictures are hardly of one person. */
    val loosest: Double get() = own.maxOf { it.distance }

    /** Within it a newcomer is like somebody of [templates] templates by these [makers]: at a rate of 0.01, or the strictest that there is. */
    fun forNewcomer(templates: Int, makers: Set<String>): Double =
        strictest(templates.coerceAtLeast(1), FPIR, makers)?.distance ?: own.minOf { it.distance }

    private fun expectRate(rate: Double) = require(rate > 0 && rate < 1) { "expected a rate above 0 and below 1, got $rate" }

    private fun strictest(vectors: Int, rate: Double, kinds: Set<String>): Threshold? {
        val wanted = wanted(vectors, rate) * (1 + 1e-6)
        val lists = if (kinds.isEmpty()) listOf(own) else kinds.map { byKind[it] ?: own }
        val fitting = lists.map { list -> list.firstOrNull { it.fmr <= wanted } ?: return null }
        return fitting.minBy { it.distance }
    }

    /** The kind of [number] templates that are compared as one. */
    fun kind(number: Int): String = if (number == 1) "" else fusedKind(fused.first { it >= number })

    internal companion object {
        private val FUSED = listOf(2, 3, 5, 8)
        private const val FPIR = 0.01

        private fun fusedKind(number: Int) = "fused $number"

        /** The rate of one comparison of which so many err at [rate] together. */
        private fun wanted(vectors: Int, rate: Double): Double = 1 - (1 - rate).pow(1.0 / vectors)

        fun notMeasured(vectors: Int, rate: Double): FaceliteException {
            val expected = String.format(Locale.ROOT, "%.2g or less, for %d comparisons at %.2g together", wanted(vectors, rate), vectors, rate)
            return FaceliteException("expected a measured false match rate of $expected, got larger ones only; ask for a larger rate, or enrol fewer")
        }
    }
}
