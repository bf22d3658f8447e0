// Package provision writes the files that Grafana reads at its start: one that
// provisions a data source with given settings, one that provisions a folder of
// dashboards, and one that provisions alert rules for a table of conditions.
//
// It knows Grafana's provisioning format and its one trap: in every string value
// Grafana replaces $NAME and ${NAME} with environment variables, and $$ with a
// single $. So each $ is doubled here, in values but not in keys, which Grafana
// leaves alone. It does not know which conditions there are, and it writes no
// file; that is left to those who know where.
package provision

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

// PluginID is the data source type in Grafana.
const PluginID = "storagenode-monitor-datasource"

const header = `Provisions Grafana. In values, Grafana reads $NAME and ${NAME} as environment
variables and $$ as a single $.`

// Option changes how a data source is provisioned.
type Option func(*dataSourceOptions)

type dataSourceOptions struct {
	isDefault bool
	editable  bool
}

// AsDefault makes it the data source that new panels begin with. Grafana refuses
// to start with two of them.
func AsDefault() Option { return func(o *dataSourceOptions) { o.isDefault = true } }

// ReadOnly keeps people from changing it in Grafana's pages; else Grafana's next
// start sets back what they changed.
func ReadOnly() Option { return func(o *dataSourceOptions) { o.editable = false } }

// grafanaUID is what Grafana takes for the uid of a data source.
var grafanaUID = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,40}$`)

// DataSource returns the provisioning file of one data source. Grafana chooses
// the uid where it is empty; dashboards and alert rules need one that is known.
func DataSource(name, uid string, s settings.Settings, options ...Option) ([]byte, error) {
	if strings.TrimSpace(name) == "" {
		return nil, errors.New("provisioning a data source: its name is empty; give it one, for example Storj")
	}
	if uid != "" && !grafanaUID.MatchString(uid) {
		return nil, fmt.Errorf("provisioning data source %q: the uid %q is not one for Grafana; use 1 to 40 letters, digits, - and _", name, uid)
	}
	chosen := dataSourceOptions{editable: true}
	for _, option := range options {
		option(&chosen)
	}
	jsonData, err := asYAML(s)
	if err != nil {
		return nil, fmt.Errorf("provisioning data source %q: %w", name, err)
	}

	source := mapping("name", text(name), "type", text(PluginID))
	if uid != "" {
		add(source, "uid", text(uid))
	}
	add(source, "access", text("proxy"))
	if chosen.isDefault {
		add(source, "isDefault", truth(true))
	}
	add(source, "editable", truth(chosen.editable))
	add(source, "jsonData", jsonData)
	return encode(header, mapping("apiVersion", number("1"), "datasources", sequence(source)))
}

// Dashboards returns the file that makes Grafana show the dashboards in a folder
// and follow its changes. The folder is as Grafana sees it, in UTF-8.
func Dashboards(folder string) []byte {
	provider := mapping(
		"name", text("Storj storage nodes"),
		"type", text("file"),
		"disableDeletion", truth(false),
		"allowUiUpdates", truth(true),
		"updateIntervalSeconds", number("30"),
		"options", mapping("path", text(strings.ToValidUTF8(folder, string(utf8.RuneError))), "foldersFromFilesStructure", truth(false)),
	)
	file, err := encode(header, mapping("apiVersion", number("1"), "providers", sequence(provider)))
	if err != nil {
		panic(err) // a tree of valid scalars can always be written
	}
	return file
}

// asYAML turns a value's JSON form into YAML, with its keys in their order.
func asYAML(value any) (*yaml.Node, error) {
	document, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("writing the settings: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	node, err := nextValue(decoder)
	if err != nil {
		return nil, fmt.Errorf("reading the written settings back: %w", err)
	}
	return node, nil
}

func nextValue(decoder *json.Decoder) (*yaml.Node, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch value := token.(type) {
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
	case bool:
		return truth(value), nil
	case json.Number:
		return number(value.String()), nil
	case string:
		return text(value), nil
	case json.Delim:
		node := sequence()
		if value == '{' {
			node = mapping()
		}
		for decoder.More() {
			if value == '{' {
				member, err := decoder.Token()
				if err != nil {
					return nil, err
				}
				name, ok := member.(string)
				if !ok {
					return nil, io.ErrUnexpectedEOF
				}
				node.Content = append(node.Content, key(name))
			}
			element, err := nextValue(decoder)
			if err != nil {
				return nil, err
			}
			node.Content = append(node.Content, element)
		}
		_, err := decoder.Token() // the closing bracket
		return node, err
	default:
		return nil, fmt.Errorf("unexpected %T", token)
	}
}

// text is a string value as Grafana has to find it so that it reads s. Quotes
// keep every reader from taking it for anything but a string.
func text(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: strings.ReplaceAll(s, "$", "$$")}
}

var (
	plainKey = regexp.MustCompile(`^[a-z]{2}[A-Za-z]*$`)
	// notPlain are the words of that form which YAML 1.1, as Grafana reads it,
	// takes for something else.
	notPlain = []string{"no", "on", "yes", "off", "true", "false", "null"}
)

// key is a key: Grafana does not expand it, so no $ is doubled. It is quoted
// unless it can only be a string: a satellite could be named 1e3, and Grafana
// drops keys that are not strings.
func key(s string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if !plainKey.MatchString(s) || slices.Contains(notPlain, s) {
		node.Style = yaml.DoubleQuotedStyle
	}
	return node
}

func truth(b bool) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(b)}
}

// number takes a number as JSON writes it, which YAML reads as the same number.
func number(s string) *yaml.Node {
	tag := "!!int"
	if strings.ContainsAny(s, ".eE") {
		tag = "!!float"
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: s}
}

func sequence(elements ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: elements}
}

// mapping takes keys and values in turn.
func mapping(members ...any) *yaml.Node {
	node := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for i := 0; i+1 < len(members); i += 2 {
		add(node, members[i].(string), members[i+1].(*yaml.Node))
	}
	return node
}

func add(node *yaml.Node, name string, value *yaml.Node) {
	node.Content = append(node.Content, key(name), value)
}

func encode(comment string, document *yaml.Node) ([]byte, error) {
	document.HeadComment = comment
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(document); err != nil {
		return nil, fmt.Errorf("writing YAML: %w", err)
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("writing YAML: %w", err)
	}
	return out.Bytes(), nil
}
