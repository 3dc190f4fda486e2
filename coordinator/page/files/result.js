// A result, drawn from its document alone.
import { h, card, bars, table, fixed, plain, clock, count, seconds } from "./dom.js";
import { columns } from "./charts.js";
import { timeline } from "./timeline.js";

const PITCHES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];
const FLATS = { "C#": 1, Db: 1, "D#": 3, Eb: 3, "F#": 6, Gb: 6, "G#": 8, Ab: 8, "A#": 10, Bb: 10 };
const TOP = 8;

const pitchOf = (key) => { const i = ["C", "", "D", "", "E", "F", "", "G", "", "A", "", "B"].indexOf(key); return i >= 0 ? i : FLATS[key?.replace("♯", "#").replace("♭", "b")] ?? -1; };
const known = (value) => value !== null && value !== undefined;
// Powers as decibels above the lowest that is shown.
const decibels = (powers) => { const top = Math.max(...powers, 1e-12); return powers.map((p) => Math.max(0, 80 + 10 * Math.log10(Math.max(p, 1e-12) / top))); };
const megabytes = (bytes) => (bytes >= 1e9 ? `${fixed(bytes / 1e9, 2)} GB` : bytes >= 1e6 ? `${fixed(bytes / 1e6, 2)} MB` : `${count(bytes)} bytes`);

function headline({ features, quality_metrics: quality }) {
  const { technical: t, mir, perceptual, visual } = features, rows = [];
  const add = (title, value) => known(value) && value !== "" && rows.push(h("div.figure", {}, h("b", {}, value), h("span", {}, title)));
  add("Length", known(t?.duration) ? (t.duration < 60 ? seconds(t.duration) : clock(t.duration)) : null);
  add("Tempo, BPM", mir?.tempo ? `${fixed(mir.tempo, 3)}` : null);
  add("Beats per bar", mir?.tempo ? mir.time_signature : null);
  add("Key", mir?.key ? `${plain(mir.key)} ${plain(mir.mode ?? "")}` : null);
  add("Loudness, LUFS", known(perceptual?.loudness) ? perceptual.loudness.toFixed(1) : null);
  add("Shots", visual?.shots?.length);
  add("Faces", visual?.faces_detected);
  add("Sound quality", known(quality?.quality_score) ? quality.quality_score.toFixed(2) : null);
  add("Picture quality", known(t?.quality_score) ? t.quality_score.toFixed(2) : null);
  return h("div.figures", {}, rows);
}

function facts({ features }) {
  const t = features.technical ?? {}, rows = [];
  const add = (title, value) => known(value) && rows.push([h("dt", {}, title), h("dd", {}, value)]);
  add("Container", plain(t.container));
  add("Sound", t.has_audio ? `${plain(t.audio_codec)}, ${count(t.sample_rate)} Hz, ${plain(t.channel_layout ?? `${t.audio_channels} channels`)}` : null);
  add("Picture", t.has_video ? `${plain(t.codec)}, ${(t.resolution ?? []).join(" × ")}, ${fixed(t.frame_rate)} per second, ${plain(t.hdr === "none" ? "SDR" : t.hdr)}` : null);
  add("Bit rate", known(t.bit_rate) ? `${count(Math.round(t.bit_rate / 1000))} kbit/s` : null);
  add("Size", known(t.file_size) ? megabytes(t.file_size) : null);
  for (const key of ["title", "artist", "album", "date", "genre"]) add(key, known(t.tags?.[key]) ? h("bdi", {}, plain(t.tags[key])) : null);
  const warnings = (t.warnings ?? []).map((w) => h("li", {}, plain(w.text)));
  return card("File", h("dl.facts", {}, rows), warnings.length ? h("ul.warnings", {}, warnings) : null);
}

function best(probabilities) {
  return Object.entries(probabilities ?? {}).filter(([, v]) => known(v)).sort((a, b) => b[1] - a[1]).slice(0, TOP).map(([name, v]) => [name.replaceAll("_", " "), v]);
}

const barCard = (title, rows, kind) => (rows.length ? card(title, bars(rows, kind)) : null);
const members = (object, names) => names.filter((name) => known(object?.[name])).map((name) => [name, object[name]]);

function chroma({ features }) {
  const values = features.spectral?.chroma_cqt ?? (features.spectral?.chroma?.length === 12 ? features.spectral.chroma : null);
  return values ? card("Chroma", columns(values, PITCHES, pitchOf(features.mir?.key))) : null;
}

function colours({ features }) {
  const list = features.visual?.dominant_colors ?? [];
  if (!list.length) return null;
  return card("Colours", h("div.colours", {}, list.map((c) => h("span", { title: `rgb ${c.rgb.join(" ")}, ${Math.round(100 * c.share)} %`, css: { "flex-grow": String(Number(c.share)), background: `rgb(${c.rgb.map(Number).join(" ")})` } }))),
    h("dl.facts", {}, members(features.visual, ["brightness", "contrast", "saturation", "motion", "static_share"]).map(([name, v]) => [h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, fixed(v))])));
}

function lines({ features }) {
  const rows = (features.visual?.text_regions ?? []).filter((r) => r.text).slice(0, 100);
  return rows.length ? card("Text in the picture", table([
    { title: "From", cell: (r) => clock(r.start) }, { title: "To", cell: (r) => clock(r.end) },
    { title: "Text", cell: (r) => h("bdi", {}, plain(r.text)) }], rows, "")) : null;
}

function statistics({ features }) {
  const all = features.statistics ?? {}, scalars = [], vectors = [];
  for (const [name, row] of Object.entries(all)) {
    const mean = features.spectral?.[name];
    if (Array.isArray(row.median)) vectors.push(name === "mel" ? ["mel, dB", decibels(mean ?? row.median)] : [name, Array.isArray(mean) ? mean : row.median]);
    else scalars.push({ name, mean, ...row });
  }
  if (!scalars.length && !vectors.length) return null;
  const number = (title, key) => ({ title, number: true, cell: (r) => fixed(r[key]) });
  return card("Statistics over time", table([{ title: "Feature", cell: (r) => r.name.replaceAll("_", " ") }, number("Mean", "mean"), number("Deviation", "std"),
    number("Least", "min"), number("Median", "median"), number("Most", "max")], scalars, ""),
  h("div.vectors", {}, vectors.map(([name, values]) => h("figure", {}, h("figcaption", {}, `${name.replaceAll("_", " ")} (${values.length})`), columns(values)))));
}

function pairs(title, object) {
  const rows = Object.entries(object ?? {});
  return rows.length ? h("details", {}, h("summary", {}, `${title} (${rows.length})`), h("dl.facts", {}, rows.map(([name, text]) => [h("dt", {}, plain(name)), h("dd", {}, plain(text))]))) : null;
}

export function result(document) {
  const { features, quality_metrics: quality } = document;
  const notes = [pairs("Why values are missing", document.reasons), pairs("Methods", document.methods), pairs("Models", document.model_versions)].filter(Boolean);
  if (!features) return notes.length ? card("Result", notes) : null;
  const { perceptual, mood, voice, mir, visual, instruments } = features;
  const mean = members(perceptual, ["energy", "valence", "danceability", "acousticness", "instrumentalness", "liveness", "speechiness"]);
  const share = members(voice, ["speech_share", "singing_share", "music_share"]).map(([name, v]) => [name.replace("_share", ""), v]);
  return [
    headline(document), timeline(document),
    h("div.cards", {}, facts(document), chroma(document), colours(document),
      barCard("Sound quality", members(quality?.quality_parts, Object.keys(quality?.quality_parts ?? {})), ".judge"),
      barCard("Picture quality", members(visual?.picture_quality_parts, Object.keys(visual?.picture_quality_parts ?? {})), ".judge"),
      barCard("Genre", best(mir?.genre_probabilities)), barCard("Instruments", best(instruments?.probabilities)),
      barCard("Character", [...mean, ...members(mood, ["arousal"])]), barCard("Voice", share)),
    lines(document), statistics(document), notes.length ? card("Where the values come from", notes) : null,
  ];
}
