"use strict";
(function () {
  const input = document.getElementById("q"), count = document.getElementById("n");
  const hits = Array.from(document.querySelectorAll(".hit"), (node) => [node, node.textContent.toLowerCase()]);
  const opened = new Set();
  function search() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const [node, text] of hits) {
      const hit = words.every((word) => text.includes(word));
      node.hidden = !hit;
      found += hit;
    }
    for (const node of document.querySelectorAll("body > details")) {
      if (words.length && !node.open && node.querySelector(".hit:not([hidden])")) { node.open = true; opened.add(node); }
      if (!words.length && opened.delete(node)) node.open = false;
    }
    for (const node of document.querySelectorAll(".group")) node.hidden = words.length > 0;
    count.textContent = words.length ? found + " found" : "";
  }
  function jump() {
    const node = location.hash && document.getElementById(location.hash.slice(1));
    if (node && node.tagName === "DETAILS") node.open = true;
  }
  input.addEventListener("input", search);
  window.addEventListener("hashchange", jump);
  jump();
})();
