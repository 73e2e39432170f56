// A file that is too large is refused before it is sent, not an hour later.

for (const input of document.querySelectorAll("input[type=file][data-most]")) {
  input.addEventListener("change", () => {
    const isTooLarge = [...input.files].some((file) => file.size > Number(input.dataset.most));
    input.setCustomValidity(isTooLarge ? input.dataset.refusal : "");
    if (isTooLarge) input.reportValidity();
  });
}
