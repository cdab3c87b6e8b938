"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const CLASS = { "+": "pass", "~": "warn", "?": "unknown", "x": "fail" };
const KINDS = { group: "Groups", mode: "Modes", need: "Needs" };
const at = (id) => document.getElementById(id);

function element(parent, name, text, kind) {
	const made = parent.appendChild(document.createElement(name));
	if (text !== undefined) made.textContent = text;
	if (kind) made.className = kind;
	return made;
}

function kernel(node) {
	return node.release + " " + node.machine + (node.incomplete ? " (incomplete)" : "");
}

function show(line, number) {
	const node = data.nodes[number];
	at("of").textContent = line.name + " on " + node.source + " (" + kernel(node) + ")";
	at("words").textContent = data.texts[line.said[number]];
	at("said").hidden = false;
}

function draw() {
	const words = at("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
	const has = (text) => words.every((word) => text.toLowerCase().includes(word));
	const ofNode = (node) => [node.source, node.name, kernel(node)].join(" ");
	let columns = data.nodes.map((_, number) => number).filter((number) => has(ofNode(data.nodes[number])));
	const byNode = words.length > 0 && columns.length > 0;
	if (!byNode) columns = data.nodes.map((_, number) => number);
	const table = at("table");
	table.replaceChildren();
	const head = element(element(table, "thead"), "tr");
	element(head, "th");
	for (const number of columns) {
		const node = data.nodes[number];
		element(element(head, "th", undefined, node.verdict), "span", node.source + "  " + kernel(node));
	}
	const body = element(table, "tbody");
	let kind = "";
	for (const line of data.lines) {
		const letters = columns.map((number) => line.letters[number]);
		if (!at("every").checked && letters.every((letter) => letter === "+" || letter === " ")) continue;
		if (!byNode && !has(line.name + " " + line.title)) continue;
		if (line.kind !== kind) {
			kind = line.kind;
			const title = element(element(body, "tr", undefined, "kind"), "th", KINDS[kind]);
			title.colSpan = columns.length + 1;
		}
		const row = element(body, "tr");
		element(row, "th", line.name).title = line.title;
		columns.forEach((number, place) => {
			const said = number in line.said;
			const cell = element(row, "td", letters[place], (CLASS[letters[place]] || "") + (said ? " said" : ""));
			if (!said) return;
			cell.tabIndex = 0;
			cell.addEventListener("click", () => show(line, number));
			cell.addEventListener("keydown", (event) => { if (event.key === "Enter") show(line, number); });
		});
	}
}

at("title").textContent = data.profile + " " + data.release + " on " + data.nodes.length + " nodes";
at("key").textContent = "+ pass   ~ warn   ? cannot tell   x fail; click a cell for what the kernel said";
at("filter").addEventListener("input", draw);
at("every").addEventListener("change", draw);
at("close").addEventListener("click", () => { at("said").hidden = true; });
draw();
