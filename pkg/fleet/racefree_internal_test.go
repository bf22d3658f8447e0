//go:build !race

package fleet

// underRace says whether the race detector watches.
const underRace = false
