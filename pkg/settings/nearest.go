package settings

import "strings"

// nearestKey returns the known key that was probably meant, or "" where none is
// near: at most a third of its letters, and at least two, may differ.
func nearestKey(key string, known []string) string {
	nearest, nearestDistance := "", 0
	for _, candidate := range known {
		allowed := max(2, len(candidate)/3)
		if len(key) > len(candidate)+allowed {
			continue // also keeps a huge key from costing anything
		}
		distance := editDistance(strings.ToLower(key), strings.ToLower(candidate))
		if distance <= allowed && distance < len(candidate) && (nearest == "" || distance < nearestDistance) {
			nearest, nearestDistance = candidate, distance
		}
	}
	return nearest
}

// editDistance counts the insertions, deletions and replacements of single
// bytes that turn one text into the other.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
