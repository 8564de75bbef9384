// For comfort alone: without it the button asks at once, and is told to wait.
for (const button of document.querySelectorAll("[data-wait]")) {
  const own = button.textContent;
  let left = Number(button.dataset.wait);
  const count = () => {
    button.disabled = left > 0;
    button.textContent = left > 0 ? button.dataset.words.replace("{n}", left) : own;
    if (left > 0) { left -= 1; setTimeout(count, 1000); }
  };
  count();
}
