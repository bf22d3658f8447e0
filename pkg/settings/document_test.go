package settings_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// numbersOf are the numbers among the settings, by their whole key.
func numbersOf(path string, of map[string]any) map[string]float64 {
	numbers := map[string]float64{}
	for key, value := range of {
		switch value := value.(type) {
		case float64:
			numbers[path+key] = value
		case map[string]any:
			for key, value := range numbersOf(path+key+".", value) {
				numbers[key] = value
			}
		}
	}
	return numbers
}

// isRefused reports whether one setting alone is out of bounds; that it passes
// another one does not count.
func isRefused(key string, value float64) bool {
	jsonData := fmt.Sprintf("{%q:%v}", key, value)
	if outer, inner, nested := strings.Cut(key, "."); nested {
		jsonData = fmt.Sprintf("{%q:{%q:%v}}", outer, inner, value)
	}
	_, report := settings.Load([]byte(jsonData))
	for _, problem := range report.Problems {
		if strings.Contains(problem.Reason, "is outside") {
			return true
		}
	}
	return len(report.Warnings) > 0
}

// The list for people has every number with its default and its bounds.
func TestDocumentedNumbers(t *testing.T) {
	document, err := json.Marshal(settings.Default())
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(document, &members); err != nil {
		t.Fatal(err)
	}
	missing := numbersOf("", members)
	row := regexp.MustCompile("(?m)^\\| `([A-Za-z.]+)` \\| ([-0-9.]+) \\| ([-0-9.]+) – ([-0-9.]+) \\|")
	for _, cells := range row.FindAllStringSubmatch(read(t, "../../docs/settings.md"), -1) {
		var numbers [3]float64
		for i, text := range cells[2:] {
			if numbers[i], err = strconv.ParseFloat(text, 64); err != nil {
				t.Fatal(err)
			}
		}
		key, preset, lowest, highest := cells[1], numbers[0], numbers[1], numbers[2]
		want, known := missing[key]
		if !known || want != preset {
			t.Errorf("%s: the documented default is %v, it is %v", key, preset, want)
		}
		if isRefused(key, lowest) || isRefused(key, highest) || !isRefused(key, lowest-1) || !isRefused(key, highest+1) {
			t.Errorf("%s: the bounds are not %v – %v", key, lowest, highest)
		}
		delete(missing, key)
	}
	if len(missing) > 0 {
		t.Errorf("docs/settings.md does not have %v", missing)
	}
}

// The editor has the same defaults and bounds of the thresholds.
func TestThresholdsOfTheEditor(t *testing.T) {
	line := regexp.MustCompile(`(?m)^  (\w+): \{ min: ([0-9.]+), max: ([0-9.]+), preset: ([0-9.]+)`)
	lines := line.FindAllStringSubmatch(read(t, "../../src/settings.ts"), -1)
	documented := read(t, "../../docs/settings.md")
	for _, cells := range lines {
		row := fmt.Sprintf("| `thresholds.%s` | %s | %s – %s |", cells[1], cells[4], cells[2], cells[3])
		if !strings.Contains(documented, row) {
			t.Errorf("docs/settings.md has no row %s", row)
		}
	}
	if documented := strings.Count(documented, "| `thresholds."); documented != len(lines) {
		t.Errorf("the editor has %d thresholds, %d are documented", len(lines), documented)
	}
}
