// The dialog that takes a picture with the camera, which is on only while the dialog is open.

const dialog = document.getElementById("camera");
const video = dialog.querySelector("video");
const said = dialog.querySelector(".said");
const button = dialog.querySelector("button.main");

/** An ImageBitmap of what the camera showed; null where none was taken. */
export async function takePicture() {
  button.disabled = true;
  said.textContent = "Waiting for the camera";
  dialog.returnValue = "";
  dialog.showModal();
  const closed = new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  const asked =
    navigator.mediaDevices?.getUserMedia({ video: { facingMode: "user", width: { ideal: 1280 } } }) ??
    Promise.reject(new Error("no camera"));
  asked.then(shown).catch(({ message }) => (said.textContent = `No camera: ${message}`));
  await closed;
  try {
    return dialog.returnValue === "taken" ? await createImageBitmap(video) : null;
  } finally {
    video.srcObject = null;
    asked.then(
      (stream) => stream.getTracks().forEach((track) => track.stop()),
      () => {},
    );
  }
}

async function shown(stream) {
  if (!dialog.open) return;
  video.srcObject = stream;
  await video.play();
  said.textContent = "";
  button.disabled = false;
  button.focus();
}
