package store

// histogramSum adds histograms up. The zero value is empty and ready to use.
//
// Each merging of two histograms moves buckets. A sum of many keeps a place for each bucket
// instead, of those that are not too far from those of the first histogram.
type histogramSum struct {
	one     *Histogram // while it is the only one; it is somebody else's
	several bool
	base    int64 // the bucket of the first place
	from    int   // no place before it is used, and none from to on
	to      int
	places  [keptPlaces]uint64
	rest    Histogram // what places do not hold
}

// keptPlaces are 32 doublings, of which placesBelow lie below the first bucket that is added.
const (
	keptPlaces  = 256
	placesBelow = 64
)

func (s *histogramSum) add(h *Histogram) {
	if s.one == nil && !s.several {
		s.one = h
		return
	}
	if !s.several {
		s.several = true
		if len(s.one.Buckets) > 0 {
			s.base = int64(s.one.Buckets[0].Index) - placesBelow
		}
		s.from = keptPlaces
		s.put(s.one)
		s.one = nil
	}
	s.put(h)
}

func (s *histogramSum) put(h *Histogram) {
	n := len(h.Buckets)
	if n == 0 || int64(h.Buckets[0].Index) < s.base || int64(h.Buckets[n-1].Index) >= s.base+keptPlaces {
		s.rest.Merge(h)
		return
	}
	s.rest.Sum += h.Sum
	s.rest.Zeros += h.Zeros
	s.from = min(s.from, int(int64(h.Buckets[0].Index)-s.base))
	s.to = max(s.to, int(int64(h.Buckets[n-1].Index)-s.base)+1)
	for _, b := range h.Buckets {
		s.places[int64(b.Index)-s.base] += b.Count
	}
}

// take is the sum, which is the caller's, and nil where nothing was added. The sum is empty
// then.
func (s *histogramSum) take() *Histogram {
	if !s.several {
		one := s.one
		s.one = nil
		if one != nil {
			one = one.Clone()
		}
		return one
	}
	places := s.places[min(s.from, s.to):s.to]
	used := 0
	for _, n := range places {
		if n > 0 {
			used++
		}
	}
	sum := &Histogram{Buckets: make([]Bucket, 0, used)}
	for i, n := range places {
		if n > 0 {
			sum.Buckets = append(sum.Buckets, Bucket{Index: int32(s.base + int64(s.from+i)), Count: n})
		}
	}
	sum.Merge(&s.rest)
	clear(places)
	s.several, s.base, s.from, s.to, s.rest = false, 0, 0, 0, Histogram{}
	return sum
}
