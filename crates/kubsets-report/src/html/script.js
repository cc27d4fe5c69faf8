"use strict";
(function () {
  var drawings = Array.prototype.map.call(document.querySelectorAll("svg[data-clock]"), function (svg) {
    var clock = svg.getAttribute("data-clock").split(" ").map(Number);
    var line = svg.ownerDocument.createElementNS(svg.namespaceURI, "path");
    var text = svg.ownerDocument.createElementNS(svg.namespaceURI, "text");
    line.setAttribute("class", "cursor");
    text.setAttribute("class", "cursor");
    text.setAttribute("text-anchor", "middle");
    svg.appendChild(line);
    svg.appendChild(text);
    return { svg: svg, from: clock[0], to: clock[1], seconds: clock[2], line: line, text: text };
  });
  function show(seconds) {
    drawings.forEach(function (one) {
      var hidden = seconds === null || seconds > one.seconds;
      one.line.style.display = one.text.style.display = hidden ? "none" : "";
      if (hidden) return;
      var box = one.svg.viewBox.baseVal;
      var x = one.from + seconds / one.seconds * (one.to - one.from);
      one.line.setAttribute("d", "M" + x + " 0V" + (box.height - 22));
      one.text.setAttribute("x", Math.min(Math.max(x, 24), box.width - 24));
      one.text.setAttribute("y", box.height - 9);
      one.text.textContent = seconds.toFixed(1) + " s";
    });
  }
  drawings.forEach(function (one) {
    one.svg.addEventListener("pointermove", function (event) {
      var box = one.svg.getBoundingClientRect();
      var x = (event.clientX - box.left) / box.width * one.svg.viewBox.baseVal.width;
      var share = (x - one.from) / (one.to - one.from);
      show(share < 0 || share > 1 ? null : share * one.seconds);
    });
    one.svg.addEventListener("pointerleave", function () { show(null); });
  });
  if (navigator.clipboard) {
    document.querySelectorAll("button[data-copy]").forEach(function (button) {
      button.hidden = false;
      button.addEventListener("click", function () {
        navigator.clipboard.writeText(button.getAttribute("data-copy")).then(function () {
          button.textContent = "Copied";
        });
      });
    });
  }
})();
