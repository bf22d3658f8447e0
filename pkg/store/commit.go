package store

import (
	"encoding/binary"
	"fmt"
)

// A commit's value: version, sequence, the last sequence that is sealed, rows, documents,
// checksum. Groups and columns are numbered in order of first use, because a flush repeats
// them. Version 1 had no histograms and no events, version 2 did not say what is sealed: so
// that commits can be told from lost ones where damage took the mark.
const commitVersion = 3

func encodeCommit(sequence, sealed uint64, batch *Batch) string {
	b := make([]byte, 0, 64+32*len(batch.rows))
	b = append(b, commitVersion)
	b = binary.AppendUvarint(b, sequence)
	b = binary.AppendUvarint(b, sealed)
	names := map[string]uint64{}
	name := func(s string) {
		if n, ok := names[s]; ok {
			b = binary.AppendUvarint(b, n+1)
			return
		}
		names[s] = uint64(len(names))
		b = binary.AppendUvarint(b, 0)
		b = appendString(b, s)
	}
	b = binary.AppendUvarint(b, uint64(len(batch.rows)))
	for _, r := range batch.rows {
		name(r.group)
		b = binary.AppendVarint(b, r.time)
		b = binary.AppendUvarint(b, uint64(len(r.samples)))
		for _, s := range r.samples {
			name(string(s.Column))
			b = appendFloat(b, s.Value)
		}
		b = binary.AppendUvarint(b, uint64(len(r.histograms)))
		for _, s := range r.histograms {
			name(string(s.Column))
			b = appendHistogram(b, s.Histogram)
		}
		b = appendString(b, string(appendEvents(nil, []int64{r.time}, r.events)))
	}
	b = binary.AppendUvarint(b, uint64(len(batch.documents)))
	for _, doc := range batch.documents {
		b = appendString(b, doc.key)
		if doc.value == nil {
			b = append(b, 0)
			continue
		}
		b = append(b, 1)
		b = appendString(b, string(doc.value))
	}
	return string(appendChecksum(b))
}

func decodeCommit(value string) (sequence, sealed uint64, batch *Batch, err error) {
	body, err := verified(value)
	if err != nil {
		return 0, 0, nil, err
	}
	d := &decoder{b: body}
	v := d.bytes(1)
	if v == nil || v[0] < 1 || v[0] > commitVersion {
		return 0, 0, nil, fmt.Errorf("%w: unknown commit version", errDamaged)
	}
	sequence = d.uvarint()
	if v[0] > 2 {
		sealed = d.uvarint()
	}
	var names []string
	name := func() string {
		n := d.uvarint()
		switch {
		case n == 0:
			names = append(names, d.string())
			return names[len(names)-1]
		case n <= uint64(len(names)):
			return names[n-1]
		}
		d.fail()
		return ""
	}
	batch = &Batch{}
	for n := d.count(); n > 0 && d.err == nil; n-- {
		r := batchRow{group: name(), time: d.varint()}
		for m := d.count(); m > 0 && d.err == nil; m-- {
			r.samples = append(r.samples, Sample{Column: Column(name()), Value: d.float()})
		}
		if v[0] > 1 {
			for m := d.count(); m > 0 && d.err == nil; m-- {
				r.histograms = append(r.histograms, HistogramSample{Column: Column(name()), Histogram: d.histogram()})
			}
			events := &decoder{b: d.bytes(d.count())}
			r.events = events.events([]int64{r.time})
			if events.err != nil {
				d.fail()
			}
		}
		batch.rows = append(batch.rows, r)
	}
	for n := d.count(); n > 0 && d.err == nil; n-- {
		doc := document{key: d.string()}
		if present := d.bytes(1); present != nil && present[0] == 1 {
			doc.value = append([]byte{}, d.bytes(d.count())...)
		}
		batch.documents = append(batch.documents, doc)
	}
	if d.err == nil && len(d.b) > 0 {
		d.fail()
	}
	return sequence, sealed, batch, d.err
}

func commitKey(sequence uint64) string { return fmt.Sprintf("w:%016x", sequence) }
