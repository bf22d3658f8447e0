package journal

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// What stands for the parts of a message that differ from one time to the next.
const (
	aNumber   = "<n>"
	anID      = "<id>"
	anAddress = "<address>"
	aPath     = "<path>"
	aDuration = "<duration>"
	aTime     = "<time>"
)

const (
	// maxNormal is the longest normal message, in bytes.
	maxNormal = 240
	// maxRead is how much of a message is looked at.
	maxRead = 4 * maxNormal
)

// normal is a message without what differs from one time to the next: numbers, ids,
// addresses, paths, durations and times. Equal errors have an equal normal message.
func normal(message string) string {
	message = clean(cut(firstLine(message), maxRead))
	var b strings.Builder
	for len(message) > 0 && b.Len() < maxNormal {
		if word := wordLength(message); word > 0 {
			normalWord(&b, message[:word])
			message = message[word:]
			continue
		}
		_, size := utf8.DecodeRuneInString(message)
		b.WriteString(message[:size])
		message = message[size:]
	}
	return strings.TrimSpace(cut(b.String(), maxNormal))
}

// firstLine is the text up to its first line's end; a stack may follow.
func firstLine(text string) string {
	if end := strings.IndexAny(text, "\n\r"); end >= 0 {
		return text[:end]
	}
	return text
}

// clean is the text as one line of valid UTF-8, without control characters.
func clean(text string) string {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	odd := func(r rune) bool { return !unicode.IsPrint(r) }
	if strings.IndexFunc(text, odd) >= 0 {
		text = strings.Map(func(r rune) rune {
			if odd(r) {
				return ' '
			}
			return r
		}, text)
	}
	return strings.TrimSpace(text)
}

// cut is the text up to a number of bytes, at the edge of a character.
func cut(text string, length int) string {
	if len(text) <= length {
		return text
	}
	for length > 0 && !utf8.RuneStart(text[length]) {
		length--
	}
	return text[:length]
}

// wordLength is the length of the word at the beginning, 0 where there is none. A word
// ends where a space or a punctuation mark does that no id, number, address or path has
// in it.
func wordLength(text string) int {
	end := 0
	for end < len(text) && isWord(text[end]) {
		end++
	}
	// What ends a sentence is no part of its last word.
	for end > 0 && strings.IndexByte(".:-", text[end-1]) >= 0 {
		end--
	}
	return end
}

func isWord(c byte) bool {
	return isDigit(c) || isLetter(c) || c >= utf8.RuneSelf || strings.IndexByte("._-:/\\%@+", c) >= 0
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }

// normalWord writes what stands for a word.
func normalWord(b *strings.Builder, word string) {
	switch {
	case isPath(word):
		b.WriteString(aPath)
	case isTime(word):
		b.WriteString(aTime)
	case isAddress(word):
		b.WriteString(anAddress)
	case isDuration(word):
		b.WriteString(aDuration)
	case isID(word):
		b.WriteString(anID)
	default:
		withoutNumbers(b, word)
	}
}

// isPath says whether a word is a path or a URL: it begins with a slash and goes on, or
// with a drive, or has a scheme.
func isPath(word string) bool {
	return len(word) > 1 && word[0] == '/' ||
		len(word) > 2 && isLetter(word[0]) && word[1] == ':' && (word[2] == '\\' || word[2] == '/') ||
		strings.Contains(word, "://") ||
		strings.Count(word, "/")+strings.Count(word, `\`) > 1
}

// isTime says whether a word is a date, alone or with a time of day.
func isTime(word string) bool {
	return len(word) >= 10 && word[4] == '-' && word[7] == '-' && only(word[:4]+word[5:7]+word[8:10], isDigit)
}

// isAddress says whether a word is an IP address, or a host with a port.
func isAddress(word string) bool {
	host := word
	if colon := strings.LastIndexByte(word, ':'); colon > 0 && colon+1 < len(word) && only(word[colon+1:], isDigit) {
		host = word[:colon]
		if strings.Contains(host, ".") && only(host, func(c byte) bool { return isDigit(c) || isLetter(c) || c == '.' || c == '-' }) {
			return true
		}
	}
	if strings.Count(host, ".") == 3 && only(host, func(c byte) bool { return isDigit(c) || c == '.' }) {
		return true
	}
	return strings.Count(word, ":") > 1 && only(word, func(c byte) bool { return isHex(c) || c == ':' || c == '.' })
}

// isDuration says whether a word is a duration as Go writes it: 1m0.5s.
func isDuration(word string) bool {
	parts := 0
	for len(word) > 0 {
		digits := 0
		for digits < len(word) && (isDigit(word[digits]) || digits > 0 && word[digits] == '.') {
			digits++
		}
		unit := digits
		for unit < len(word) && !isDigit(word[unit]) {
			unit++
		}
		switch word[digits:unit] {
		case "h", "m", "s", "ms", "us", "µs", "μs", "ns":
		default:
			return false
		}
		if digits == 0 {
			return false
		}
		word = word[unit:]
		parts++
	}
	return parts > 0
}

// isID says whether a word is the id of a piece, a satellite, a node or the like: long,
// of letters and digits; or shorter, if it is a hexadecimal number.
func isID(word string) bool {
	const long, hexadecimal = 20, 8
	plain := strings.ReplaceAll(word, "-", "")
	if strings.IndexFunc(plain, func(r rune) bool { return r < utf8.RuneSelf && isDigit(byte(r)) }) < 0 {
		return len(plain) >= 2*long && only(plain, func(c byte) bool { return isDigit(c) || isLetter(c) })
	}
	return len(plain) >= long && only(plain, func(c byte) bool { return isDigit(c) || isLetter(c) }) ||
		len(plain) >= hexadecimal && only(plain, isHex) && !only(plain, isDigit)
}

// withoutNumbers writes a word with a placeholder for each number in it.
func withoutNumbers(b *strings.Builder, word string) {
	for i := 0; i < len(word); {
		if !isDigit(word[i]) {
			b.WriteByte(word[i])
			i++
			continue
		}
		for i < len(word) && (isDigit(word[i]) || word[i] == '.' && i+1 < len(word) && isDigit(word[i+1])) {
			i++
		}
		b.WriteString(aNumber)
	}
}

func only(text string, is func(c byte) bool) bool {
	for i := range len(text) {
		if !is(text[i]) {
			return false
		}
	}
	return len(text) > 0
}
