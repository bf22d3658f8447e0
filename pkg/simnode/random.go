package simnode

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
)

// Each part of the model draws from a stream of its own, so that what happens
// to the audits does not depend on how many transfers there were.
const (
	streamTraffic uint64 = 0x7472_6166_6669_6301
	streamAudits  uint64 = 0x6175_6469_7473_0002
	streamChores  uint64 = 0x6368_6f72_6573_0003
	streamHistory uint64 = 0x6869_7374_6f72_7904
)

func newStream(seed uint64, name string, stream uint64) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	return rand.New(rand.NewPCG(seed, stream^h.Sum64()))
}

// scramble turns a counter into well-mixed bits (splitmix64). What only makes a
// line look real (piece ids, addresses) is derived with it instead of being
// drawn, so that lines that are not written cost nothing and change nothing.
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb
	return x ^ (x >> 31)
}

// logNormal draws from a log-normal distribution with the given median.
func logNormal(r *rand.Rand, median, sigma float64) float64 {
	return median * math.Exp(sigma*r.NormFloat64())
}

// pieceSizes are the kinds of pieces that a node gets: small objects, files of
// some hundred KiB, and pieces of full 64 MiB segments.
var pieceSizes = []struct {
	share    float64
	from, to float64
}{
	{0.05, 256, 1 << 10},
	{0.24, 1 << 10, 16 << 10},
	{0.22, 16 << 10, 128 << 10},
	{0.22, 128 << 10, 512 << 10},
	{0.15, 512 << 10, 2 << 20},
}

// fullPiece is the size of a piece of a full segment.
const fullPiece = 2319360

// averagePiece is about the mean of what pieceSize draws.
const averagePiece = 535_000

// pieceSize draws a piece's size: a multiple of 256 bytes.
func pieceSize(r *rand.Rand) int64 {
	u := r.Float64()
	for _, kind := range pieceSizes {
		if u < kind.share {
			// uniform in the exponent: small ones are the more common
			size := kind.from * math.Pow(kind.to/kind.from, u/kind.share)
			return max(256, int64(size)&^255)
		}
		u -= kind.share
	}
	return fullPiece
}
