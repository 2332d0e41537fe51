"use strict";
const by = (id) => document.getElementById(id);
const result = JSON.parse(by("result").textContent);
const SURE = 90, SMALLEST = 0.05, LARGEST = 8, FIT_MOST = 2;

/* All that was read goes in as text: what a document says is its own. */
function make(name, attributes, ...children) {
	const svg = name === "svg" || name === "rect";
	const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
	for (const [key, value] of Object.entries(attributes || {}))
		element.setAttribute(key, value);
	element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
	return element;
}

/* ---- what was read: pages of words in reading order ---- */

const pages = result.pages.map((page, at) => {
	const words = [];
	page.lines.forEach((line, number) => line.words.forEach((word) => words.push({ ...word, page: at, at: words.length, line: number })));
	return { ...page, words };
});
let pageAt = 0, threshold = 80, kept = null, pointed = null, matches = [], matchAt = -1;
let rects = [], spans = []; /* of the page that is shown, by word */

const kind = (word) => word.confidence < threshold ? "unsure" : word.confidence < SURE ? "fair" : "sure";
const percent = (confidence) => (Math.round(confidence * 10) / 10) + " %";
const before = (a, b) => a.page - b.page || a.at - b.at;
const unsureWords = () => pages.flatMap((page) => page.words.filter((word) => word.confidence < threshold));
const plural = (count, one) => count + " " + one + (count === 1 ? "" : "s");

/* Characters that are not seen but change what is: they are named. Marks of direction alone stay. */
const CONTROLS = /([\u0000-\u001f\u007f-\u009f\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff])/;
const nameOf = (character) => "U+" + character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
const visible = (text) => text.split(CONTROLS).map((part) => CONTROLS.test(part) ? make("span", { class: "control", title: "a character that is not seen" }, nameOf(part)) : part);
const named = (text) => text.split(CONTROLS).map((part) => CONTROLS.test(part) ? nameOf(part) : part).join("");

/* ---- the page: image, boxes, text ---- */

function boxesOf(page, svg) {
	svg.setAttribute("viewBox", "0 0 " + page.width + " " + page.height);
	return page.words.map((word) => {
		const [x, y, width, height] = word.box;
		return make("rect", { x, y, width: Math.max(width, 1), height: Math.max(height, 1), class: kind(word), "data-at": word.at });
	});
}

function textOf(page, spansOfPage) {
	const parts = [];
	let place = "", paragraph = null;
	let at = 0;
	page.lines.forEach((line) => {
		if (line.block + " " + line.paragraph !== place) {
			place = line.block + " " + line.paragraph;
			const known = page.paragraphs.find((one) => one.block === line.block && one.number === line.paragraph);
			paragraph = make("p", { dir: known && known.rtl ? "rtl" : "ltr" });
			parts.push(paragraph);
		}
		const element = make("span", { class: "line" });
		page.words.slice(at, at += line.words.length).forEach((word) => {
			const span = make("span", { class: "word " + kind(word), "data-at": word.at, "data-confidence": Math.round(word.confidence) }, ...visible(word.text));
			spansOfPage[word.at] = span;
			element.append(element.childNodes.length ? " " : "", span);
		});
		paragraph.append(element, "\n");
	});
	return parts.length ? parts : [make("p", { class: "none" }, "No text was read on this page.")];
}

const ZONE = [["surname", "Surname"], ["given_names", "Given names"], ["document_number", "Document number", "number"], ["nationality", "Nationality"],
	["birth_date", "Born", "birth"], ["sex", "Sex"], ["expiry_date", "Expires", "expiry"], ["issuer", "Issued by"], ["optional", "Optional data", "optional"]];

function zoneOf(page) {
	const zone = page.mrz;
	if (!zone)
		return null;
	const wrong = Object.keys(zone.checks).filter((name) => !zone.checks[name]);
	const facts = ZONE.flatMap(([member, label, check]) => {
		const value = [].concat(zone[member]).filter((part) => part).join(" · "), right = zone.checks[check];
		if (!value && right !== false)
			return [];
		const verdict = right === undefined ? "" : make("span", { class: right ? "right" : "wrong" }, right ? "✓ check digit" : "✗ check digit is wrong");
		return [make("dt", {}, label), make("dd", {}, value || "–", verdict && "  ", verdict)];
	});
	return make("div", { class: zone.valid ? "zone valid" : "zone" },
		make("b", {}, "Machine readable zone, " + zone.format), ": ",
		make("span", { class: "verdict" }, zone.valid ? "all check digits agree" : wrong.length ? "wrong check digits (" + wrong.join(", ") + ")" : "a date is none"),
		zone.corrections ? ", " + plural(zone.corrections, "character") + " corrected" : "",
		make("pre", {}, zone.lines.join("\n")), make("dl", {}, ...facts));
}

const imageOf = (page) => by("image-" + page.page).textContent;

function showPage(at) {
	const page = pages[at];
	pageAt = at;
	spans = [];
	rects = boxesOf(page, by("boxes"));
	by("boxes").replaceChildren(...rects);
	by("image").src = imageOf(page);
	by("image").alt = "Page " + page.page + " as it was read";
	const zone = zoneOf(page);
	by("text").replaceChildren(...(zone ? [zone] : []), ...textOf(page, spans));
	by("text").scrollTop = by("picture").scrollTop = by("picture").scrollLeft = 0;
	by("page").value = at + 1;
	by("page-previous").disabled = at === 0;
	by("page-next").disabled = at === pages.length - 1;
	by("facts").textContent = "page " + page.page + ": " + plural(page.words.length, "word") + ", confidence " + percent(page.confidence) + ", " +
		page.width + " × " + page.height + " px" + (page.dpi ? " at " + page.dpi + " dpi" : "") + (page.rotation ? ", turned by " + page.rotation + "°" : "") + (page.source === "text-layer" ? ", text of the PDF itself" : "");
	pointed = null;
	if (kept && kept.page !== at)
		keep(null);
	mark();
	resize();
}

/* Classes of all words of the page, from the state; those that stay are not touched. */
function mark() {
	const found = new Set(), one = matchAt >= 0 ? matches[matchAt] : null;
	matches.filter((match) => match.page === pageAt).forEach((match) => { for (let at = match.first; at <= match.last; at++) found.add(at); });
	pages[pageAt].words.forEach((word) => {
		const here = (match) => match && match.page === pageAt && match.first <= word.at && word.at <= match.last;
		const classes = kind(word) + (found.has(word.at) ? " match" : "") + (here(one) ? " one" : "") + (word === kept ? " current" : "") + (word === pointed ? " pointed" : "");
		if (rects[word.at].getAttribute("class") !== classes) {
			rects[word.at].setAttribute("class", classes);
			spans[word.at].className = "word " + classes;
		}
	});
}

/* ---- zoom ---- */

let zoom = "width";

function scaleNow() {
	const image = by("image"), pane = by("picture");
	const width = (pane.clientWidth - 20) / image.naturalWidth, height = (pane.clientHeight - 64) / image.naturalHeight;
	const fit = zoom === "width" ? width : zoom === "page" ? Math.min(width, height) : zoom;
	return Math.max(SMALLEST, typeof zoom === "number" ? fit : Math.min(fit, FIT_MOST));
}

function resize() {
	const image = by("image");
	if (!image.naturalWidth)
		return;
	const scale = scaleNow();
	by("sheet").style.width = image.naturalWidth * scale + "px";
	by("sheet").style.height = image.naturalHeight * scale + "px";
	by("zoom-level").textContent = Math.round(scale * 100) + " %";
	by("fit-width").setAttribute("aria-pressed", zoom === "width");
	by("fit-page").setAttribute("aria-pressed", zoom === "page");
	placeTip();
}

/* About the middle of what is seen, or the kept word. */
function setZoom(to) {
	const pane = by("picture"), old = by("sheet").clientWidth || 1;
	const x = (pane.scrollLeft + pane.clientWidth / 2) / old, y = (pane.scrollTop + pane.clientHeight / 2) / old;
	zoom = typeof to === "number" ? Math.min(LARGEST, Math.max(SMALLEST, to)) : to;
	resize();
	const now = by("sheet").clientWidth;
	pane.scrollTo({ left: x * now - pane.clientWidth / 2, top: y * now - pane.clientHeight / 2, behavior: "instant" });
	if (kept)
		reveal(kept, false);
}

/* ---- one word ---- */

function reveal(word, inText) {
	const pane = by("picture"), seen = pane.getBoundingClientRect(), box = rects[word.at].getBoundingClientRect(), edge = 40;
	if (box.left < seen.left + edge || box.right > seen.right - edge)
		pane.scrollLeft += (box.left + box.right - seen.left - seen.right) / 2;
	if (box.top < seen.top + edge || box.bottom > seen.bottom - 60)
		pane.scrollTop += (box.top + box.bottom - seen.top - seen.bottom) / 2;
	if (inText)
		spans[word.at].scrollIntoView({ block: "nearest" });
}

/* The word as the page shows it, larger. */
function drawTip(word) {
	const image = by("image"), canvas = by("tip-image"), page = pages[word.page];
	const [x, y, width, height] = word.box, ratio = image.naturalWidth / page.width, margin = height * 0.35 + 2;
	const from = [x - margin, y - margin, width + 2 * margin, height + 2 * margin].map((length) => length * ratio);
	const scale = Math.min(4, 52 / from[3], 380 / from[2]) * devicePixelRatio;
	canvas.hidden = !(image.complete && image.naturalWidth && from[2] >= 1 && from[3] >= 1);
	if (canvas.hidden)
		return;
	canvas.width = Math.ceil(from[2] * scale);
	canvas.height = Math.ceil(from[3] * scale);
	canvas.style.width = canvas.width / devicePixelRatio + "px";
	const paper = canvas.getContext("2d");
	paper.fillStyle = "#fff";
	paper.fillRect(0, 0, canvas.width, canvas.height);
	paper.imageSmoothingQuality = "high";
	paper.drawImage(image, ...from, 0, 0, canvas.width, canvas.height);
}

let tipOver = null; /* the element beside which the tip stands */

function placeTip() {
	const tip = by("tip");
	if (tip.hidden || !tipOver)
		return;
	const at = tipOver.getBoundingClientRect(), own = tip.getBoundingClientRect();
	const below = at.bottom + 8 + own.height <= innerHeight;
	tip.style.left = Math.max(8, Math.min(at.left, innerWidth - own.width - 8)) + "px";
	tip.style.top = (below ? at.bottom + 8 : Math.max(8, at.top - own.height - 8)) + "px";
}

function showTip(word, over) {
	const tip = by("tip");
	tip.hidden = !word;
	tipOver = over;
	if (!word)
		return;
	tip.classList.toggle("kept", word === kept);
	by("tip-text").replaceChildren(...visible(word.text));
	by("tip-facts").replaceChildren("confidence ", make("b", {}, percent(word.confidence)), " (" + kind(word) + ")" +
		(word.lang ? ", " + word.lang : "") + ", at " + word.box[0] + ", " + word.box[1] + ", " + word.box[2] + " × " + word.box[3] + " px");
	drawTip(word);
	placeTip();
}

function say(text) {
	by("said").textContent = text;
}

/* Keeps a word in view, with its tip, until another one is kept or it is let go. */
function keep(word, over) {
	kept = word;
	pointed = null;
	if (word && word.page !== pageAt)
		showPage(word.page);
	mark();
	counts();
	if (word) {
		reveal(word, true);
		say(named(word.text) + ", confidence " + percent(word.confidence) + ", " + kind(word));
	}
	showTip(word, word ? over || rects[word.at] : null);
}

function point(word, over) {
	if (word === pointed)
		return;
	pointed = word;
	mark();
	showTip(word || kept, word ? over : kept && rects[kept.at]);
}

const wordOf = (event) => {
	const element = event.target.closest && event.target.closest("[data-at]");
	return element ? [pages[pageAt].words[Number(element.dataset.at)], element] : [null, null];
};
for (const id of ["picture", "text"]) {
	by(id).addEventListener("pointerover", (event) => { if (event.pointerType !== "touch") point(...wordOf(event)); });
	by(id).addEventListener("pointerleave", () => point(null));
	by(id).addEventListener("click", (event) => {
		const [word, element] = wordOf(event);
		if (word && String(getSelection()) === "")
			keep(word, element);
	});
	by(id).addEventListener("scroll", placeTip, { passive: true });
}

/* ---- unsure words ---- */

function counts() {
	const all = unsureWords(), at = kept ? all.indexOf(kept) : -1;
	by("unsure-count").textContent = (at >= 0 ? at + 1 + " of " : "") + (all.length || "none");
	by("unsure-previous").disabled = by("unsure-next").disabled = !all.length;
	const one = matchAt >= 0 ? matchAt + 1 + " of " : "";
	by("search-count").textContent = by("search").value.trim() ? (matches.length ? one + matches.length : "none") : "";
	by("search-previous").disabled = by("search-next").disabled = !matches.length;
}

function legend() {
	const words = pages.flatMap((page) => page.words), of = (name) => words.filter((word) => kind(word) === name).length;
	const limits = { unsure: "below " + threshold + " %", fair: "below " + SURE + " %", sure: "from " + Math.max(SURE, threshold) + " %" };
	by("legend").replaceChildren(...["unsure", "fair", "sure"].filter((name) => name !== "fair" || threshold < SURE).map((name) =>
		make("li", {}, make("i", { class: name }), name, make("span", { class: "limit" }, " (" + limits[name] + ")"), ": " + of(name))));
}

/* The next one in the order of reading after what is kept, round the end. */
function stepUnsure(by_) {
	const all = unsureWords(), from = kept || { page: pageAt, at: by_ > 0 ? -1 : Infinity };
	if (!all.length)
		return say("no word is unsure");
	const next = by_ > 0 ? all.find((word) => before(word, from) > 0) || all[0] : all.findLast((word) => before(word, from) < 0) || all[all.length - 1];
	keep(next);
}

function setThreshold(value) {
	threshold = Math.min(100, Math.max(0, Number(value) || 0));
	mark();
	legend();
	counts();
	if (kept)
		showTip(kept, tipOver);
}

/* ---- search ---- */

/* Case, accents and forms of the same character make no difference. */
const plain = (text) => text.normalize("NFKD").replace(/[\p{M}\u200e\u200f\u061c\u00ad]/gu, "").toLowerCase();
let indices = null; /* by page: its words in a row, and where each begins */

function index(page) {
	const starts = [];
	let text = "";
	for (const word of page.words) {
		starts.push(text.length);
		text += plain(word.text) + " ";
	}
	return { text, starts };
}

function find(query) {
	const wanted = plain(query).trim().replace(/\s+/g, " "), found = [];
	indices = indices || pages.map(index);
	if (wanted)
		indices.forEach(({ text, starts }, page) => {
			let first = 0;
			for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
				while (first + 1 < starts.length && starts[first + 1] <= at)
					first++;
				let last = first;
				while (last + 1 < starts.length && starts[last + 1] < at + wanted.length)
					last++;
				found.push({ page, first, last });
			}
		});
	return found;
}

function goToMatch(at) {
	matchAt = at;
	const match = matches[at];
	if (match.page !== pageAt)
		showPage(match.page);
	if (kept)
		keep(null);
	mark();
	counts();
	reveal(pages[match.page].words[match.first], true);
	say("match " + (at + 1) + " of " + matches.length + (pages.length > 1 ? ", page " + pages[match.page].page : ""));
}

function search() {
	matches = find(by("search").value);
	matchAt = -1;
	const next = matches.findIndex((match) => match.page >= pageAt);
	if (matches.length)
		goToMatch(Math.max(next, 0));
	else
		mark();
	counts();
	if (!matches.length && by("search").value.trim())
		say("no match");
}

function stepMatch(by_) {
	if (matches.length)
		goToMatch((matchAt + by_ + matches.length) % matches.length);
}

/* ---- keys ---- */

/* In the text: the next word, or the one of another line that stands nearest below or above. */
function stepWord(key) {
	const words = pages[pageAt].words, from = kept || pointed;
	if (!words.length)
		return;
	if (!from)
		return keep(words[0], spans[0]);
	const right_to_left = getComputedStyle(spans[from.at].parentNode).direction === "rtl";
	const step = { ArrowRight: right_to_left ? -1 : 1, ArrowLeft: right_to_left ? 1 : -1 }[key];
	let next = step ? words[from.at + step] : null;
	if (!step) {
		const lines = words.map((word) => word.line), down = key === "ArrowDown";
		const line = down ? lines.find((one) => one > from.line) : lines.findLast((one) => one < from.line);
		const middle = (word) => { const box = spans[word.at].getBoundingClientRect(); return (box.left + box.right) / 2; };
		next = words.filter((word) => word.line === line).reduce((best, word) =>
			!best || Math.abs(middle(word) - middle(from)) < Math.abs(middle(best) - middle(from)) ? word : best, null);
	}
	if (next)
		keep(next, spans[next.at]);
}

const shownNames = ["all", "unsure", "none"];
function setShown(name) {
	by("shown").value = name;
	by("boxes").classList.toggle("only-unsure", name === "unsure");
	by("boxes").classList.toggle("without", name === "none");
}

const goTo = (at) => { if (at >= 0 && at < pages.length && at !== pageAt) { showPage(at); say("page " + pages[at].page); } };
const letters = {
	n: () => stepUnsure(1), p: () => stepUnsure(-1), j: () => goTo(pageAt + 1), k: () => goTo(pageAt - 1),
	"+": () => setZoom(scaleNow() * 1.25), "=": () => setZoom(scaleNow() * 1.25), "-": () => setZoom(scaleNow() / 1.25),
	w: () => setZoom("width"), f: () => setZoom("page"), b: () => setShown(shownNames[(shownNames.indexOf(by("shown").value) + 1) % 3]),
	"/": () => { by("search").focus(); by("search").select(); }, "?": () => by("help").showModal(),
};

addEventListener("keydown", (event) => {
	if (event.ctrlKey || event.metaKey || event.altKey || by("help").open)
		return;
	const typing = event.target.matches("input:not([type=checkbox]), select");
	let done = true;
	if (event.key === "Escape" && event.target === by("search")) {
		by("search").value = "";
		search();
		by("text").focus();
	} else if (event.key === "Escape")
		keep(null);
	else if (event.key === "Enter" && event.shiftKey && event.target === by("search"))
		stepMatch(-1);
	else if (!typing && event.target === by("text") && event.key.startsWith("Arrow"))
		stepWord(event.key);
	else if (!typing && by("keys").checked && Object.hasOwn(letters, event.key))
		letters[event.key]();
	else
		done = false;
	if (done)
		event.preventDefault();
});

/* ---- print: every page, its image with the boxes and then its text ---- */

function preparePrint() {
	by("print").replaceChildren(...pages.map((page) => {
		const svg = make("svg", { preserveAspectRatio: "none" }), zone = zoneOf(page);
		svg.append(...boxesOf(page, svg));
		const figure = make("figure", {}, make("img", { src: page === pages[pageAt] ? by("image").src : imageOf(page), alt: "" }), svg);
		const width = Math.min(180, 240 * page.width / page.height); /* mm, of what A4 and Letter have */
		figure.style.width = width + "mm";
		figure.style.height = width * page.height / page.width + "mm";
		return make("section", {}, figure, make("h2", {}, named(result.document || "") + (pages.length > 1 ? ", page " + page.page : "")), zone, ...textOf(page, []));
	}));
}
addEventListener("beforeprint", preparePrint);
addEventListener("afterprint", () => by("print").replaceChildren());

/* ---- begin ---- */

by("name").textContent = named((result.document || "document").split("/").pop() || "document");
by("name").title = named(result.document || "");
document.title = by("name").textContent + " – read by FiLot";
by("threshold").value = threshold;
by("pages").hidden = pages.length < 2;
by("page").max = pages.length;
by("page-count").textContent = "of " + pages.length;
by("page").addEventListener("change", () => { goTo(Math.min(pages.length, Math.max(1, Math.round(Number(by("page").value)) || 1)) - 1); by("page").value = pageAt + 1; });
by("page-previous").addEventListener("click", letters.k);
by("page-next").addEventListener("click", letters.j);
by("threshold").addEventListener("input", () => setThreshold(by("threshold").value));
by("unsure-previous").addEventListener("click", letters.p);
by("unsure-next").addEventListener("click", letters.n);
by("search").addEventListener("input", search);
by("search-form").addEventListener("submit", (event) => { event.preventDefault(); stepMatch(1); });
by("search-previous").addEventListener("click", () => stepMatch(-1));
by("shown").addEventListener("change", () => setShown(by("shown").value));
by("zoom-in").addEventListener("click", letters["+"]);
by("zoom-out").addEventListener("click", letters["-"]);
by("fit-width").addEventListener("click", letters.w);
by("fit-page").addEventListener("click", letters.f);
by("help-open").addEventListener("click", letters["?"]);
by("tip-close").addEventListener("click", () => keep(null));
by("image").addEventListener("load", resize);
new ResizeObserver(resize).observe(by("picture"));
showPage(0);
legend();
counts();
document.body.dataset.drawn = "yes";
