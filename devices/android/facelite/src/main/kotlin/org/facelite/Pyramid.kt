package org.facelite

/** [height] rows of [width] pixels of three bytes, at the beginning of [bytes]. */
internal class Pixels(val width: Int, val height: Int, val bytes: ByteArray)

/**
 * A frame and its halves, each made when it is first asked for: the looks at one frame share them, and the next frame takes over their memory.
 *
 * Whole frames are halved, not parts of them: so the same pixels meet in a mean whatever is looked at. Belongs to one thread at a time.
 */
internal class Pyramid {
    private val levels = ArrayList<Pixels>()
    private var memory = emptyArray<ByteArray>() // of the levels from 1 on

    val width: Int get() = levels[0].width
    val height: Int get() = levels[0].height

    fun show(frame: Frame) {
        levels.clear()
        levels.add(Pixels(frame.width, frame.height, frame.pixels))
    }

    /** Lets go of the frame. */
    fun clear() = levels.clear()

    /** The frame halved [times] times, which it must be large enough for. */
    fun level(times: Int): Pixels {
        while (levels.size <= times) {
            levels.add(halve(levels.last()))
        }
        return levels[times]
    }

    private fun halve(from: Pixels): Pixels {
        val width = from.width / 2
        val height = from.height / 2
        val to = memory(levels.size - 1, 3 * width * height)
        val source = from.bytes
        val line = 3 * from.width
        for (row in 0 until height) {
            var above = 2 * row * line
            var below = above + line
            for (at in 3 * row * width until 3 * (row + 1) * width step 3) {
                to[at] = mean(source, above, below)
                to[at + 1] = mean(source, above + 1, below + 1)
                to[at + 2] = mean(source, above + 2, below + 2)
                above += 6
                below += 6
            }
        }
        return Pixels(width, height, to)
    }

    /** Of one colour of 2 x 2 pixels. */
    private fun mean(source: ByteArray, above: Int, below: Int): Byte {
        val sum = (source[above].toInt() and 0xff) + (source[above + 3].toInt() and 0xff) +
            (source[below].toInt() and 0xff) + (source[below + 3].toInt() and 0xff)
        return (sum + 2 shr 2).toByte()
    }

    private fun memory(number: Int, size: Int): ByteArray {
        if (number == memory.size) {
            memory += ByteArray(size)
        } else if (memory[number].size < size) {
            memory[number] = ByteArray(size)
        }
        return memory[number]
    }
}
