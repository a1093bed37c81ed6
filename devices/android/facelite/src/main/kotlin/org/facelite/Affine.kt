package org.facelite

import kotlin.math.abs
import kotlin.math.sqrt

/** A matrix that takes the point (x, y) of a picture to the point (a x + b y + c, d x + e y + f) of another. */
internal class Affine(val a: Double, val b: Double, val c: Double, val d: Double, val e: Double, val f: Double) {
    val determinant: Double get() = a * e - b * d

    /** How many pixels of the other picture one becomes, along a side. */
    val scale: Double get() = sqrt(abs(determinant))

    fun x(x: Double, y: Double): Double = a * x + b * y + c

    fun y(x: Double, y: Double): Double = d * x + e * y + f

    /** The same for the picture halved, whose point x lies at 2 x + 1/2 of the one before. */
    fun halved(): Affine = Affine(2 * a, 2 * b, c + (a + b) / 2, 2 * d, 2 * e, f + (d + e) / 2)
}
