package settings

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const (
	longestKey = 40
	// hashLength is how many characters of a hash tell two names apart.
	hashLength = 8
)

var validKey = regexp.MustCompile(fmt.Sprintf(`^[a-z0-9-]{1,%d}$`, longestKey))

// assignKeys gives every node without a key one that no other node has. It does
// not depend on the order of the nodes. Where the slugs of several names are
// the same, none of them gets the bare slug: else a node that is added, moved
// or removed could hand its key, and so its files, to another node. The taken
// names belong to nodes elsewhere, whose keys must not be met either.
func assignKeys(nodes []*Node, takenNames []string) {
	used := map[string]bool{}
	claims := map[string]int{}
	for _, name := range takenNames {
		claims[slug(name)]++
	}
	var open []*Node
	for _, node := range nodes {
		if node.Key != "" {
			used[node.Key] = true
			continue
		}
		claims[slug(node.Name)]++
		open = append(open, node)
	}
	slices.SortFunc(open, func(a, b *Node) int { return cmp.Compare(a.Name, b.Name) })

	var contested []*Node
	for _, node := range open {
		bare := slug(node.Name)
		if used[bare] || claims[bare] > 1 {
			contested = append(contested, node)
			continue
		}
		node.Key = bare
		used[bare] = true
	}
	for _, node := range contested {
		for attempt := 0; node.Key == ""; attempt++ {
			key := withSuffix(slug(node.Name), nameHash(node.Name, attempt))
			if !used[key] {
				node.Key = key
				used[key] = true
			}
		}
	}
}

// slug turns a name into a key that a person recognises: "Kölner Keller" is
// "kolner-keller". A name with letters that have no Latin form gets a hash
// instead of the few characters that would be left of it.
func slug(name string) string {
	var key strings.Builder
	gap := false
	for _, r := range norm.NFKD.String(strings.ToLower(name)) {
		text := string(r)
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
		case latinLetters[r] != "":
			text = latinLetters[r]
		case unicode.Is(unicode.Mn, r):
			continue // the accent of the letter before it
		case unicode.IsLetter(r), unicode.IsNumber(r):
			return "node-" + nameHash(name, 0)
		default:
			gap = true
			continue
		}
		if gap && key.Len() > 0 {
			key.WriteByte('-')
		}
		gap = false
		key.WriteString(text)
	}
	if key.Len() == 0 {
		return "node-" + nameHash(name, 0)
	}
	return cut(key.String(), longestKey)
}

// latinLetters are the Latin letters that Unicode does not take apart.
var latinLetters = map[rune]string{
	'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'ł': "l", 'đ': "d", 'ð': "d", 'þ': "th", 'ı': "i", 'ħ': "h", 'ŋ': "ng",
}

func withSuffix(key, suffix string) string {
	return cut(key, longestKey-1-len(suffix)) + "-" + suffix
}

func cut(key string, longest int) string {
	if len(key) > longest {
		key = key[:longest]
	}
	return strings.TrimRight(key, "-")
}

// nameHash is the beginning of a hash of the name, another one for each attempt.
func nameHash(name string, attempt int) string {
	if attempt > 0 {
		name = fmt.Sprintf("%s\x00%d", name, attempt)
	}
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])[:hashLength]
}
