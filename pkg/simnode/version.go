package simnode

import (
	"fmt"
	"strconv"
	"strings"
)

// softwareVersion is a node's version: 1.162.3 in the API, v1.162.3 in the log.
type softwareVersion struct {
	major, minor, patch int
}

// oldestMinor is the oldest release whose log and API shapes are known here.
const oldestMinor = 60

func parseVersion(text string) (softwareVersion, error) {
	parts := strings.Split(strings.TrimPrefix(text, "v"), ".")
	if len(parts) != 3 {
		return softwareVersion{}, fmt.Errorf("simnode: version %q is not of the form 1.162.3", text)
	}
	var numbers [3]int
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return softwareVersion{}, fmt.Errorf("simnode: version %q is not of the form 1.162.3", text)
		}
		numbers[i] = n
	}
	v := softwareVersion{numbers[0], numbers[1], numbers[2]}
	if v.major != 1 || v.minor < oldestMinor {
		return softwareVersion{}, fmt.Errorf("simnode: version %q is not simulated: give one from 1.%d.0 on", text, oldestMinor)
	}
	return v, nil
}

func (v softwareVersion) String() string {
	return fmt.Sprintf("%d.%d.%d", v.major, v.minor, v.patch)
}

// allowed is the minimum version that the network asks for while this one is
// current; the network keeps about a dozen releases alive.
func (v softwareVersion) allowed() softwareVersion {
	return softwareVersion{v.major, max(v.minor-12, 1), 0}
}

// next is the release that an automatic update brings.
func (v softwareVersion) next() softwareVersion {
	return softwareVersion{v.major, v.minor, v.patch + 1}
}

// older says whether this version comes before another.
func (v softwareVersion) older(than softwareVersion) bool {
	if v.minor != than.minor {
		return v.minor < than.minor
	}
	return v.patch < than.patch
}

// since says whether this version has what came with release 1.minor.
func (v softwareVersion) since(minor int) bool { return v.minor >= minor }

// The releases in which a node's words changed.
const (
	minorQUICPing           = 67  // lastQuicPingedAt in the API
	minorAverageUsage       = 70  // averageUsageBytes, intervalInHours
	minorTrashLines         = 71  // emptying trash started / finished
	minorRemoteAddress      = 72  // transfers name the peer; downloads their offset and size
	minorLazyFilewalker     = 78  // filewalkers are subprocesses
	minorShortTime          = 83  // RFC 3339 with seconds; before, ISO 8601 with milliseconds
	minorScoreLines         = 84  // node scores updated / worsened
	minorRaceLost           = 86  // "upload canceled (race lost or node shutdown)" …
	minorRetainKeys         = 96  // "num deleted" became "Deleted pieces" …
	minorPeerBeforeSize     = 99  // remote address before size; the race-lost lines name the satellite; retain jobs are queued
	minorTrashFilewalker    = 100 // trash-cleanup-filewalker, "elapsed"
	minorRetainCachePath    = 101 // retain lines name their cache folder
	minorBandwidthCache     = 104 // Persisting bandwidth usage cache to db
	minorUploadInternal     = 106 // upload internal error
	minorUsedSpaceLines     = 107 // used-space-filewalker started / completed in the node itself
	minorCollectorLines     = 110 // expired pieces collection started / completed
	minorCancelReason       = 113 // … and plain "upload canceled" again; downloads say a reason
	minorStartsAreDebug     = 116 // upload started and download started became DEBUG
	minorBloomReceived      = 120 // New bloomfilter is received; piece migration
	minorHashstore          = 121 // hashstore, and no currentStorageUsed in the API any more
	minorRejectedIsInfo     = 122 // upload rejected became INFO
	minorVettedAt           = 131 // vettedAt in the API
	minorAllocatedDiskSpace = 143 // diskSpace has allocated: used and available changed their meaning
	minorSnakeKeys          = 146 // "Piece ID" became piece_id, and so all keys; amnesty reports; hint files
	minorUploadWarn         = 147 // upload failed is WARN where the client went away
	minorMigrationInit      = 149 // piece migration chore initialized
	minorCalculated         = 162 // storageDaily[].calculated
)
