// The import of rules: a file chosen or dropped is put into the text field, for the person to see before it is sent.
const text = document.getElementById("f-text");
const chooser = document.getElementById("f-file");
const format = document.getElementById("f-format");

async function take(file) {
  if (!file) return;
  text.value = await file.text();
  format.value = file.name.toLowerCase().endsWith(".csv") ? "csv" : "yaml";
  text.focus();
}

if (text && chooser) {
  chooser.closest("[hidden]").hidden = false;
  chooser.addEventListener("change", () => take(chooser.files[0]));
  text.addEventListener("dragover", (event) => event.preventDefault());
  text.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });
}
