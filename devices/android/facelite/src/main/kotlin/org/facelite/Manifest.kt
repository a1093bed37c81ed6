package org.facelite

/**
 * What the packed facelite.json says of the bundle (section 3 of the specification).
 *
 * @property name the bundle's name, for people.
 * @property space the embedding space: embeddings and galleries of another one cannot be compared.
 * @property artefact sha256 of the embedder, to which thresholds and templates are bound.
 * @property embedding how many numbers an embedding has.
 * @property fmr the false match rate of a comparison of two pictures, unless another is asked for.
 */
public class Manifest private constructor(json: Table) {
    public val name: String = json.text("name")
    public val space: String = json.text("space")
    public val embedding: Int = json.int("embedding")
    public val fmr: Double = json.number("fmr")
    public val artefact: String get() = files.getValue("embedder.tflite")

    /** The false match rates that may be asked for, the largest first. */
    public val rates: List<Double> get() = thresholds.rates

    internal val siamese: Boolean = decide(json) == "siamese"
    internal val preprocessing: Preprocessing = Preprocessing(json.table("preprocessing"))
    internal val limits: Limits = if ("limits" in json) Limits.read(json.table("limits")) else Limits()
    internal val files: Map<String, String> = json.table("files").let { files -> files.keys.associateWith(files::text) }
    private val byKind: Map<String, List<Threshold>> = when {
        "template_thresholds" in json -> json.table("template_thresholds").let { kinds -> kinds.keys.associateWith { read(kinds.list(it)) } }
        else -> emptyMap()
    }
    internal val thresholds: Thresholds = Thresholds(fmr, read(json.list("thresholds")), byKind)

    init {
        val major = json.list("format").ints().firstOrNull()
        expect(major == if (siamese) 2 else 1, "a format that this library knows", major)
        expect(files.keys.none { '/' in it || it == FILE }, "names of the other files of this folder", files.keys)
        expect(embedding > 0, "an embedding with numbers", embedding)
        for (key in FOR_PEOPLE) {
            expect(key in json, "the key $key", null)
        }
        for (file in listOf("embedder.tflite", "detector.tflite", "golden.json", "golden.bin") + if (siamese) listOf("head.json") else emptyList()) {
            expect(file in files, "the file $file among the files", files.keys)
        }
    }

    /** Whether templates of this embedder may be compared with embeddings of the bundle's. */
    internal fun knows(artefact: String): Boolean = artefact == this.artefact || artefact in byKind && SHA256.matches(artefact)

    private fun decide(json: Table): String {
        val decide = if ("decide" in json) json.text("decide") else "squared-l2"
        expect(decide == "squared-l2" || decide == "siamese", "a distance that this library knows", decide)
        return decide
    }

    /** Thresholds by falling rate, one of them at [fmr]. */
    private fun read(list: Items): List<Threshold> {
        val thresholds = list.tables().map { one ->
            expectKeys(one, THRESHOLD, all = true)
            THRESHOLD.forEach(one::number)
            val threshold = Threshold(one.number("distance"), one.number("fmr"))
            expect(threshold.distance in -0.001..4.0 && threshold.fmr > 0 && threshold.fmr < 1, "a threshold that can be", threshold)
            threshold
        }
        val falling = thresholds.zipWithNext().all { (one, next) -> one.fmr > next.fmr }
        expect(falling && thresholds.any { it.fmr == fmr }, "thresholds of falling rates, one of them at $fmr", thresholds.map { it.fmr })
        return thresholds
    }

    internal companion object {
        const val FILE = "facelite.json"
        private val FOR_PEOPLE = listOf("network", "precision", "parameters", "multiply_adds", "training_data", "licences")
        private val SHA256 = Regex("[0-9a-f]{64}") // other kinds name no embedder
        private val THRESHOLD = setOf("distance", "fmr", "fmr_upper", "fnmr", "genuine_pairs", "impostor_pairs", "people_pairs")

        fun read(content: ByteArray): Manifest = parsing(FILE) { Manifest(table(content)) }
    }
}

/** How a crop becomes the network's input. */
internal class Preprocessing(json: Table) {
    val height: Int = json.int("height")
    val width: Int = json.int("width")
    val mean: Double = json.number("mean", 127.5)
    val std: Double = json.number("std", 128.0)
    val bgr: Boolean = "colours" in json && json.text("colours") == "BGR"

    init {
        expectKeys(json, setOf("height", "width", "mean", "std", "colours"))
        expect(height in 32..MOST && width in 32..MOST && std > 0, "a crop of 32 to $MOST pixels a side and a std above 0", "$height x $width, $std")
        expect(bgr || "colours" !in json || json.text("colours") == "RGB", "colours RGB or BGR", "others")
    }

    private companion object {
        const val MOST = 4096
    }
}

/** Beyond which a face is not compared: section 9 of the specification has their meaning and these defaults. */
internal class Limits(
    val size: Double = 24.0,
    val inside: Double = 0.75,
    val dark: Double = 20.0,
    val bright: Double = 200.0,
    val sharpness: Double = 3.0,
    val turn: Double = 0.068,
    val clarity: Double = 0.0,
) {
    internal companion object {
        private val KEYS = setOf("size", "inside", "dark", "bright", "sharpness", "turn", "clarity")

        fun read(json: Table): Limits {
            expectKeys(json, KEYS)
            val default = Limits()
            KEYS.filter { it in json }.forEach { expect(json.number(it) >= 0, "a limit of 0 or more as $it", json.number(it)) }
            return Limits(
                json.number("size", default.size),
                json.number("inside", default.inside),
                json.number("dark", default.dark),
                json.number("bright", default.bright),
                json.number("sharpness", default.sharpness),
                json.number("turn", default.turn),
                json.number("clarity", default.clarity),
            )
        }
    }
}

/** That [json] has no key besides [known], and with [all] each of them. */
private fun expectKeys(json: Table, known: Set<String>, all: Boolean = false) {
    expect(known.containsAll(json.keys) && (!all || json.keys == known), "no other keys than $known", json.keys)
}
