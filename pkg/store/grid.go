package store

import (
	"sort"
	"unsafe"
)

// grid is the times of a chunk's rows as they are written: runs of equal steps. A poll's
// days are one run, so that a read finds the rows of a step without looking at each.
type grid struct {
	runs []timeRun
	n    int
}

// timeRun is n rows from a row on, each a step after the one before.
type timeRun struct {
	row, n      int
	first, step int64
}

func (r timeRun) at(row int) int64 { return r.first + int64(row-r.row)*r.step }

func (r timeRun) last() int64 { return r.at(r.row + r.n - 1) }

func (g grid) first() int64 { return g.runs[0].first }

func (g grid) last() int64 { return g.runs[len(g.runs)-1].last() }

// search is the first row that is not before a time.
func (g grid) search(time int64) int {
	i := sort.Search(len(g.runs), func(i int) bool { return g.runs[i].last() >= time })
	if i == len(g.runs) {
		return g.n
	}
	run := g.runs[i]
	return run.row + sort.Search(run.n, func(j int) bool { return run.at(run.row+j) >= time })
}

// times are those of all rows.
func (g grid) times() []int64 { return g.between(0, g.n) }

// between are the times of the rows from one on up to another.
func (g grid) between(begin, end int) []int64 {
	times := make([]int64, 0, end-begin)
	for _, run := range g.runs {
		for i := max(begin, run.row); i < min(end, run.row+run.n); i++ {
			times = append(times, run.at(i))
		}
	}
	return times
}

func gridOf(times []int64) grid {
	g := grid{n: len(times)}
	for i := 0; i < len(times); {
		run := timeRun{row: i, first: times[i], n: 1}
		if i++; i < len(times) {
			run.step = times[i] - run.first
			for ; i < len(times) && times[i]-times[i-1] == run.step; i++ {
				run.n++
			}
		}
		g.runs = append(g.runs, run)
	}
	return g
}

// The heads of chunks are decoded once as long as they stay, within these bounds.
const (
	cachedColumns = 1 << 16
	cachedRuns    = 64 // of one chunk
)

// chunkCache keeps decoded heads. What is in it holds the strings that BuntDB had: it is
// emptied when these change.
type chunkCache struct {
	chunks  map[string]cachedChunk
	columns int
}

type cachedChunk struct {
	value string
	*chunk
}

// decoded is a chunk's head, from the cache or decoded now.
func (s *Store) decoded(key, value string) (*chunk, error) {
	s.caching.Lock()
	known := s.cache.chunks[key]
	s.caching.Unlock()
	if known.chunk != nil && len(known.value) == len(value) && unsafe.StringData(known.value) == unsafe.StringData(value) {
		return known.chunk, nil
	}
	c, err := decodeChunk(key, value)
	if err != nil || len(c.grid.runs) > cachedRuns {
		return c, err
	}
	s.caching.Lock()
	defer s.caching.Unlock()
	columns := len(c.columns) + len(c.histogramColumns)
	if s.cache.chunks == nil || s.cache.columns+columns > cachedColumns {
		s.cache = chunkCache{chunks: map[string]cachedChunk{}}
	}
	s.cache.chunks[key] = cachedChunk{value, c}
	s.cache.columns += columns
	return c, nil
}

func (s *Store) emptyCache() {
	s.caching.Lock()
	defer s.caching.Unlock()
	s.cache = chunkCache{}
}
