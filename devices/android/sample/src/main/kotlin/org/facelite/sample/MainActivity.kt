package org.facelite.sample

import android.Manifest
import android.app.AlertDialog
import android.content.pm.PackageManager
import android.os.Bundle
import android.widget.Button
import android.widget.EditText
import android.widget.TextView
import android.widget.Toast
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.view.CameraController
import androidx.camera.view.LifecycleCameraController
import androidx.camera.view.PreviewView
import androidx.core.content.ContextCompat
import org.facelite.Doubt
import org.facelite.FaceliteException
import org.facelite.Frame
import org.facelite.Look
import org.facelite.Outcome
import org.facelite.android.toFrame
import java.util.concurrent.Executors

/** Says who is in front of the camera, frame by frame. Enrols and forgets people by the name that was typed. */
class MainActivity : ComponentActivity() {
    private val worker = Executors.newSingleThreadExecutor() // all that takes time: opening, looking, storing
    private lateinit var camera: LifecycleCameraController
    private lateinit var answer: TextView
    private lateinit var name: EditText

    // the worker's
    private var desk: Desk? = null
    private var frame: Frame? = null
    private var enrolling: String? = null

    private val permission = registerForActivityResult(ActivityResultContracts.RequestPermission()) { granted ->
        if (granted) startCamera() else answer.setText(R.string.no_camera)
    }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.main)
        answer = findViewById(R.id.answer)
        name = findViewById(R.id.name)
        findViewById<Button>(R.id.enrol).setOnClickListener { withName { enrolling = it } }
        findViewById<Button>(R.id.forget).setOnClickListener { withName(::forget) }
        camera = LifecycleCameraController(this)
        camera.cameraSelector = CameraSelector.DEFAULT_FRONT_CAMERA
        camera.setEnabledUseCases(CameraController.IMAGE_ANALYSIS)
        camera.imageAnalysisBackpressureStrategy = ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST
        camera.setImageAnalysisAnalyzer(worker, ::analyse)
        worker.execute(::open)
        if (ContextCompat.checkSelfPermission(this, Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED) {
            startCamera()
        } else {
            permission.launch(Manifest.permission.CAMERA)
        }
    }

    override fun onDestroy() {
        camera.clearImageAnalysisAnalyzer()
        worker.execute { desk?.close() }
        worker.shutdown()
        super.onDestroy()
    }

    private fun startCamera() {
        camera.bindToLifecycle(this)
        findViewById<PreviewView>(R.id.preview).controller = camera
    }

    /** Does [act] with the name that was typed, on the worker. */
    private fun withName(act: (String) -> Unit) {
        val typed = name.text.toString().trim()
        if (typed.isNotEmpty()) {
            worker.execute { act(typed) }
        }
    }

    private fun open() {
        try {
            desk = Desk(applicationContext)
        } catch (error: Exception) { // packed wrongly, a phone without LiteRT, a gallery or a Keystore that cannot be read
            show(reason(error))
        }
    }

    private fun analyse(image: ImageProxy) {
        val seen = image.use { it.toFrame(reuse = frame) }
        frame = seen
        val desk = desk ?: return
        try {
            val look = desk.look(seen)
            val newcomer = enrolling
            if (newcomer != null && look.outcome == null) {
                enrolling = null
                enrol(desk, newcomer, look, anyway = false)
            }
            show(answer(desk, look))
        } catch (error: FaceliteException) {
            show(reason(error))
        }
    }

    private fun answer(desk: Desk, look: Look): String {
        val poor = look.outcome
        return when {
            poor != null -> words(poor)
            desk.isEmpty -> getString(R.string.nobody)
            else -> desk.identify(look).let { words(it.outcome, it.subject) }
        }
    }

    /** Where the look is doubtful, and that is not to be passed over, asks first whether it should be. */
    private fun enrol(desk: Desk, name: String, look: Look, anyway: Boolean) {
        val doubt = attempt(R.string.enrolled, name) { desk.enrol(name, look, anyway) } ?: return
        runOnUiThread {
            if (!isFinishing) {
                AlertDialog.Builder(this)
                    .setMessage(words(doubt, name))
                    .setPositiveButton(R.string.anyway) { _, _ -> worker.execute { enrol(desk, name, look, anyway = true) } }
                    .setNegativeButton(R.string.leave_out, null)
                    .show()
            }
        }
    }

    private fun forget(name: String) {
        val desk = desk ?: return
        attempt(R.string.forgotten, name) { null.also { desk.forget(name) } }
    }

    /** Does [act] for the person [name], and says that it is [done], or why not. Gives the doubt that kept it from being done, of which nothing is said. */
    private fun attempt(done: Int, name: String, act: () -> Doubt?): Doubt? {
        val said = try {
            act()?.let { return it }
            getString(done, name)
        } catch (error: NotStored) {
            getString(R.string.not_stored, reason(error.cause))
        } catch (error: Exception) { // a name with hidden characters
            reason(error)
        }
        runOnUiThread { Toast.makeText(this, said, Toast.LENGTH_LONG).show() }
        return null
    }

    private fun reason(error: Exception): String = error.message ?: error.toString()

    private fun words(doubt: Doubt, name: String): String = when (doubt.kind) {
        Doubt.Kind.OUTLIER -> getString(R.string.outlier, name)
        Doubt.Kind.DOUBLE -> getString(R.string.twofold, doubt.other)
    }

    private fun words(outcome: Outcome, subject: String? = null): String = getString(
        when (outcome) {
            Outcome.ACCEPTED -> R.string.accepted
            Outcome.REJECTED -> R.string.rejected
            Outcome.NO_FACE -> R.string.no_face
            Outcome.SEVERAL_FACES -> R.string.several_faces
            Outcome.TOO_SMALL -> R.string.too_small
            Outcome.CUT_OFF -> R.string.cut_off
            Outcome.TOO_DARK -> R.string.too_dark
            Outcome.TOO_BRIGHT -> R.string.too_bright
            Outcome.BLURRED -> R.string.blurred
            Outcome.TURNED_AWAY -> R.string.turned_away
            Outcome.UNCLEAR -> R.string.unclear
        },
        subject,
    )

    private fun show(text: String) = runOnUiThread { answer.text = text }
}
