// Package logsource reads logs: which files are there and may be read, their last lines,
// and every line from where it was left, as it is written. It knows files, forwarders and
// containers. It does not know what a line says.
//
// # Files
//
// A text is known by how it begins: the fingerprint of its first 1 KiB, decompressed. With
// the offset that was read to, that is a position. It is delivered with the lines before it,
// so that whoever keeps both together gets every line once, whenever he is interrupted. A
// copy, a compressed version, another name and a longer version are the same text, of which
// only what is new is read. Names, devices and inodes are hints.
//
// A follower holds the file of the log's name open, and each that it was rotated to for as
// long as it grows, as a node never opens its log again. When the name leads elsewhere, when
// the text under it begins otherwise, once a minute, and when the folder says so, it looks
// through the rotated files (name.1, name-DATE, name.old, name before DATE and extension,
// each also .gz) for text that was not read, and reads the oldest first.
//
// What is lost, because no file holds it any more when it is looked for:
//   - with copytruncate, what the node writes after the copy's last byte and before the
//     truncation, as far as it was not read before it;
//   - what was not read of a file that is truncated without a copy, or deleted while no
//     follower holds it open;
//   - files that are rotated away and deleted between two looks, which are at most 5 s apart
//     where the folder says nothing.
//
// What is not told apart: texts that begin alike for as far as the shorter one went.
//
// A last line without a newline is delivered when its file has ended: at the end of a
// compressed file, and of a rotated one that did not grow for ten seconds. If it does grow
// then, the rest comes as a line of its own. Under the log's own name a line waits for its
// newline. A line of more than 64 KiB is cut to that, and counted.
//
// A first start follows the end at once. What it is to read of what was written before is
// kept as gaps in the positions, which are read while nothing else is to be done, and which
// the next start takes up.
package logsource
