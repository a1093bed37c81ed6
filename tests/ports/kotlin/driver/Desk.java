package desk;

import driver.Answers;
import driver.Vectors;
import facelite.JnaModels;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.crypto.spec.SecretKeySpec;
import org.facelite.AesVault;
import org.facelite.Assets;
import org.facelite.Decision;
import org.facelite.Doubt;
import org.facelite.Enrolment;
import org.facelite.Facelite;
import org.facelite.FaceliteException;
import org.facelite.Frame;
import org.facelite.Gallery;
import org.facelite.Look;
import org.facelite.Picture;
import org.facelite.Rule;
import org.facelite.Template;
import org.facelite.Vault;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/**
 * An app in Java: nothing but the library's public functions.
 *
 * <pre>
 * verify VECTORS ASSETS OUT   the stage verify -> OUT/answers.json
 * gallery ASSETS FOLDER       FOLDER/people.json: {"frames": {NAME: {"width", "height"}}, "enrol": {SUBJECT: [NAME, ...]}, "probes": [NAME, ...]},
 *                             pictures in FOLDER/NAME.rgb -> FOLDER/told.json
 * </pre>
 */
public final class Desk {
    private final Path assets;
    private final Facelite facelite;
    private final Map<String, Frame> frames = new HashMap<>();

    private Desk(Path assets) {
        this.assets = assets;
        Assets files = name -> Files.readAllBytes(assets.resolve(name));
        facelite = Facelite.open(files, new JnaModels());
    }

    public static void main(String[] words) throws Exception {
        Desk desk = new Desk(Path.of(words[0].equals("verify") ? words[2] : words[1]));
        if (words[0].equals("verify")) {
            desk.verify(new Vectors(new File(words[1])), new File(words[3]));
        } else {
            desk.gallery(Path.of(words[2]));
        }
        desk.facelite.close();
    }

    private void verify(Vectors vectors, File out) throws JSONException {
        Answers answers = new Answers();
        for (JSONObject given : vectors.cases("verify")) {
            JSONObject input = given.getJSONObject("input");
            Frame first = vectors.frame(input.getJSONObject("first"));
            Frame second = vectors.frame(input.getJSONObject("second"));
            Decision decision = facelite.verify(first, second, null, Rule.valueOf(input.getString("rule").toUpperCase()));
            Map<String, Object> fields = new HashMap<>();
            fields.put("outcome", decision.getOutcome().toString());
            fields.put("distance", decision.getDistance());
            answers.put("verify", given.getString("name"), fields);
        }
        answers.save(out);
    }

    private void gallery(Path folder) throws IOException, JSONException {
        JSONObject asked = new JSONObject(Files.readString(folder.resolve("people.json")));
        JSONObject sizes = asked.getJSONObject("frames");
        for (String name : names(sizes)) {
            JSONObject size = sizes.getJSONObject(name);
            frames.put(name, new Frame(size.getInt("width"), size.getInt("height"), Files.readAllBytes(folder.resolve(name + ".rgb"))));
        }
        JSONObject told = new JSONObject();
        Gallery gallery = new Gallery(facelite.getManifest().getSpace());
        told.put("enrolled", enrol(asked.getJSONObject("enrol"), gallery));
        List<String> probes = strings(asked.getJSONArray("probes"));
        JSONArray decisions = decide(probes, gallery);
        told.put("decisions", decisions);

        AesVault vault = new AesVault(new SecretKeySpec(new byte[32], "AES"));
        byte[] sealed = gallery.save(vault);
        Gallery loaded = Gallery.load(sealed, vault, facelite.getManifest());
        told.put("same after loading", decide(probes, loaded).toString().equals(decisions.toString()) && same(gallery, loaded));
        told.put("sealed anew each time", !Arrays.equals(sealed, gallery.save(vault)));
        told.put("vectors", new JSONArray(vectors(gallery)));
        told.put("saved", new JSONObject(new String(gallery.save(OPEN), StandardCharsets.UTF_8)));
        told.put("doubts", doubts(loaded, frames.get("obama-1"), frames.get("collins-1")));
        told.put("refused", refusals(gallery, vault, sealed, frames.get(probes.get(0))));

        String first = gallery.getSubjects().get(0);
        told.put("removed", loaded.remove(first));
        told.put("left", new JSONArray(loaded.getSubjects()));
        Files.writeString(folder.resolve("told.json"), told.toString());
    }

    /** Of each enrolment how many templates it added: all pictures, the same again, and with one that shows nobody. */
    private JSONObject enrol(JSONObject people, Gallery gallery) throws JSONException {
        JSONObject added = new JSONObject();
        Frame nobody = new Frame(64, 64, new byte[64 * 64 * 3]);
        for (String subject : names(people)) {
            List<Picture> pictures = new ArrayList<>();
            for (String name : strings(people.getJSONArray(subject))) {
                pictures.add(frames.get(name));
            }
            List<Picture> spoiled = new ArrayList<>(pictures);
            spoiled.add(nobody);
            Enrolment none = facelite.enrol(subject, spoiled, gallery);
            Enrolment all = facelite.enrol(subject, pictures, gallery);
            Look seen = facelite.look((Frame) pictures.get(0));
            Enrolment again = facelite.enrol(subject, List.of(seen), gallery);
            added.put(subject, new JSONArray(List.of(none.getAdded(), none.getComplete(), all.getAdded(), all.getComplete(), again.getAdded())));
        }
        return added;
    }

    /** About pictures of two people, who are enrolled, under another name, and how many templates were added in spite of them. */
    private JSONObject doubts(Gallery gallery, Frame first, Frame second) throws JSONException {
        List<Picture> pictures = List.of(facelite.look(first), facelite.look(second));
        Enrolment doubtful = facelite.enrol("Grace", pictures, gallery);
        JSONObject told = new JSONObject().put("added", doubtful.getAdded()).put("complete", doubtful.getComplete());
        for (Map.Entry<Integer, Doubt> one : doubtful.getDoubts().entrySet()) {
            Doubt doubt = one.getValue();
            JSONArray fields = new JSONArray().put(doubt.getKind().toString()).put(doubt.getOther()).put(doubt.getDistance()).put(doubt.getLimit());
            told.put(one.getKey().toString(), fields.put(doubt.getDetail()));
        }
        Enrolment outlier = facelite.enrol("Ada", pictures, new Gallery(gallery.getSpace()), Rule.ONLY);
        told.put("outlier", outlier.getDoubts().get(0).getDetail());
        told.put("anyway", facelite.enrol("Grace", pictures, gallery, Rule.ONLY, true).getAdded());
        return told.put("forgotten", gallery.remove("Grace"));
    }

    private JSONArray decide(List<String> probes, Gallery gallery) throws JSONException {
        JSONArray decisions = new JSONArray();
        for (String name : probes) {
            Look look = facelite.look(frames.get(name));
            decisions.put(table(name, null, facelite.identify(look, gallery)));
            for (String subject : gallery.getSubjects()) {
                decisions.put(table(name, subject, facelite.verifySubject(look, subject, gallery)));
            }
        }
        return decisions;
    }

    private JSONObject table(String probe, String subject, Decision decision) throws JSONException {
        return new JSONObject()
                .put("probe", probe)
                .put("asked", subject == null ? JSONObject.NULL : subject)
                .put("outcome", decision.getOutcome().toString())
                .put("accepted", decision.getAccepted())
                .put("subject", decision.getSubject() == null ? JSONObject.NULL : decision.getSubject())
                .put("distance", decision.getDistance() == null ? JSONObject.NULL : decision.getDistance())
                .put("threshold", decision.getThreshold().getDistance());
    }

    /** What is refused, and why. */
    private JSONObject refusals(Gallery gallery, Vault vault, byte[] sealed, Frame frame) throws JSONException {
        String saved = new String(gallery.save(OPEN), StandardCharsets.UTF_8);
        String artefact = facelite.getManifest().getArtefact();
        byte[] changed = sealed.clone();
        changed[changed.length / 2] ^= 1;
        byte[] changedKey = sealed.clone();
        changedKey[20] ^= 1;
        Gallery foreign = load(saved);
        Gallery elsewhere = new Gallery("elsewhere");
        Vault other = new AesVault(new SecretKeySpec(new byte[16], "AES"));
        return new JSONObject()
                .put("space", refusal(() -> load(saved.replace(gallery.getSpace(), "elsewhere"))))
                .put("artefact", refusal(() -> load(saved.replace(artefact, "0".repeat(64)))))
                .put("length", refusal(() -> load(saved.replace("\"vector\":[", "\"vector\":[0,"))))
                .put("unit", refusal(() -> load(saved.replaceAll("\"vector\":\\[[^,]+,", "\"vector\":[3,"))))
                .put("format", refusal(() -> load(saved.replace("\"format\":1", "\"format\":2"))))
                .put("time", refusal(() -> load(saved.replaceAll("\"enrolled_at\":\"[^\"]+\"", "\"enrolled_at\":\"yesterday\""))))
                .put("no JSON", refusal(() -> load("{")))
                .put("changed bytes", refusal(() -> Gallery.load(changed, vault, facelite.getManifest())))
                .put("changed key", refusal(() -> Gallery.load(changedKey, vault, facelite.getManifest())))
                .put("another key", refusal(() -> Gallery.load(sealed, other, facelite.getManifest())))
                .put("truncated", refusal(() -> Gallery.load(Arrays.copyOf(sealed, 30), vault, facelite.getManifest())))
                .put("gallery of another space", refusal(() -> facelite.identify(frame, elsewhere)))
                .put("enrolling into another space", refusal(() -> facelite.enrol("Ada", List.of(frame), elsewhere)))
                .put("nobody enrolled", refusal(() -> facelite.identify(frame, new Gallery(gallery.getSpace()))))
                .put("unknown subject", refusal(() -> facelite.verifySubject(frame, "Nobody", foreign)))
                .put("unmeasured rate", refusal(() -> facelite.verify(frame, frame, 0.0123)))
                .put("rate too small", refusal(() -> facelite.identify(frame, gallery, 1e-9)))
                .put("rate of nothing", refusal(() -> facelite.verify(frame, frame, 0.0)))
                .put("rate of all", refusal(() -> facelite.identify(frame, gallery, 1.0)))
                .put("blank name", refusal(() -> facelite.enrol(" ", List.of(frame), gallery)))
                .put("name of two lines", refusal(() -> facelite.enrol("A\nB", List.of(frame), gallery)))
                .put("no picture", refusal(() -> facelite.enrol("Ada", List.of(), gallery)))
                .put("closed", refusal(() -> closed().look(frame)));
    }

    private Gallery load(String saved) {
        return Gallery.load(saved.getBytes(StandardCharsets.UTF_8), OPEN, facelite.getManifest());
    }

    private Facelite closed() {
        Desk other = new Desk(assets);
        other.facelite.close();
        other.facelite.close();
        return other.facelite;
    }

    private static String refusal(Runnable act) {
        try {
            act.run();
            return "not refused";
        } catch (FaceliteException | IllegalArgumentException | IllegalStateException error) {
            return error.getClass().getSimpleName() + ": " + error.getMessage();
        }
    }

    private static boolean same(Gallery one, Gallery other) {
        List<Template> a = one.getTemplates();
        List<Template> b = other.getTemplates();
        boolean same = a.size() == b.size();
        for (int i = 0; same && i < a.size(); i++) {
            same = a.get(i).getSubject().equals(b.get(i).getSubject())
                    && a.get(i).getEnrolledAt() / 1000 == b.get(i).getEnrolledAt() / 1000
                    && Arrays.equals(a.get(i).vector(), b.get(i).vector());
        }
        return same;
    }

    private static List<JSONArray> vectors(Gallery gallery) throws JSONException {
        List<JSONArray> vectors = new ArrayList<>();
        for (Template template : gallery.getTemplates()) {
            JSONArray numbers = new JSONArray();
            for (float number : template.vector()) {
                numbers.put((double) number);
            }
            vectors.add(numbers);
        }
        return vectors;
    }

    private static List<String> strings(JSONArray list) throws JSONException {
        List<String> strings = new ArrayList<>();
        for (int i = 0; i < list.length(); i++) {
            strings.add(list.getString(i));
        }
        return strings;
    }

    private static List<String> names(JSONObject table) throws JSONException {
        return strings(table.names());
    }

    /** Seals nothing. */
    private static final Vault OPEN = new Vault() {
        @Override
        public byte[] seal(byte[] plain) {
            return plain;
        }

        @Override
        public byte[] open(byte[] sealed) {
            return sealed;
        }
    };
}
