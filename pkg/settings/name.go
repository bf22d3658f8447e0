package settings

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// AggregateName means all nodes together wherever a node can be chosen, so no
// node can have it.
const AggregateName = "Aggregate"

const longestName = 100

// checkName says what keeps a trimmed text from being a node's name.
func checkName(name string) *fault {
	refuse := func(reason, mend string) *fault {
		return &fault{field: "name", reason: reason, mend: mend}
	}
	switch {
	case name == "":
		return refuse("the name is empty", "give the node a name, for example My-Node")
	case !utf8.ValidString(name):
		return refuse("the name is not valid UTF-8", "write the name in UTF-8")
	case utf8.RuneCountInString(name) > longestName:
		return refuse(fmt.Sprintf("the name has %d characters, more than %d", utf8.RuneCountInString(name), longestName),
			"choose a shorter name")
	case strings.ContainsRune(name, ':'):
		return refuse("the name contains a colon, which ends a name in a node spec", "choose a name without a colon")
	case strings.EqualFold(name, AggregateName):
		return refuse(fmt.Sprintf("the name %q is reserved: it means all nodes together", AggregateName), "choose another name")
	}
	visible := false
	for _, r := range name {
		if breaksLines(r) {
			return refuse(fmt.Sprintf("the name contains the control character %U", r), "remove the control character")
		}
		visible = visible || (unicode.IsGraphic(r) && !unicode.IsSpace(r))
	}
	if !visible {
		return refuse("the name has no visible character", "give the node a name, for example My-Node")
	}
	return nil
}

// breaksLines reports the characters that end a line or turn the direction of
// what follows: in a label they make other text unreadable. Joiners, which
// several scripts and emoji need, are none of them.
func breaksLines(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) || r == '\uFEFF'
}
