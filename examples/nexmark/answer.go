package nexmark

import (
	"hash/maphash"
	"strconv"
	"time"
)

// Sum is a set of rows, of which equal ones count, reduced to a number: two sets
// with the same sum are equal but for a chance of 1 in 2^128. Rows are lines of
// CSV: times with three decimals, decimals as they are, NULL empty.
type Sum struct {
	Rows      int64
	low, high uint64
}

// The seeds hold in this process only, as sums do.
var lowSeed, highSeed = maphash.MakeSeed(), maphash.MakeSeed()

// Add adds n times a row, or takes it away.
func (s *Sum) Add(line []byte, n int64) {
	s.Rows += n
	s.low += uint64(n) * maphash.Bytes(lowSeed, line)
	s.high += uint64(n) * maphash.Bytes(highSeed, line)
}

// Answer computes what a query must give for the first n events.
func (w *Workload) Answer(q Query, n int64) Sum {
	var s Sum
	w.EachAnswer(q, n, func(line []byte) { s.Add(line, 1) })
	return s
}

// EachAnswer gives the rows of an answer, in no particular order; the line
// belongs to it.
func (w *Workload) EachAnswer(q Query, n int64, row func(line []byte)) {
	e := &events{workload: w}
	w.each(0, n,
		func(p *person) { e.people = append(e.people, *p) },
		func(a *auction) { e.auctions = append(e.auctions, *a) },
		func(b *bid) { e.bids = append(e.bids, *b) })
	q.answer(e, &rows{done: row, filler: &w.filler})
}

// events is the input of an answer, each stream in the order of arrival.
type events struct {
	workload *Workload
	people   []person
	auctions []auction
	bids     []bid
}

// rows writes answers, a field at a time.
type rows struct {
	done   func(line []byte)
	filler *filler
	line   []byte
}

func (r *rows) field() {
	if len(r.line) > 0 {
		r.line = append(r.line, ',')
	}
}

func (r *rows) int(numbers ...int64) *rows {
	for _, n := range numbers {
		r.field()
		r.line = strconv.AppendInt(r.line, n, 10)
	}
	return r
}

func (r *rows) text(texts ...string) *rows {
	for _, s := range texts {
		r.field()
		r.line = AppendText(r.line, s)
	}
	return r
}

func (r *rows) extra(s span) *rows { return r.text(r.filler.plain(s)) }

func (r *rows) time(times ...int64) *rows {
	for _, ms := range times {
		r.field()
		r.line = time.UnixMilli(ms).UTC().AppendFormat(r.line, "2006-01-02 15:04:05.000")
	}
	return r
}

// thousandths writes a number with three decimals.
func (r *rows) thousandths(n int64) *rows {
	r.field()
	r.line = strconv.AppendInt(r.line, n/1000, 10)
	n %= 1000
	r.line = append(r.line, '.', byte('0'+n/100), byte('0'+n/10%10), byte('0'+n%10))
	return r
}

func (r *rows) bid(b *bid) *rows {
	return r.int(b.auction, b.bidder, b.price).text(b.channel.name, b.channel.url).time(b.at).extra(b.extra)
}

func (r *rows) auction(a *auction) *rows {
	return r.text(a.itemName, a.description).int(a.initialBid, a.reserve).time(a.at, a.expires).int(a.seller, a.category).extra(a.extra)
}

func (r *rows) end() {
	r.done(r.line)
	r.line = r.line[:0]
}

// AppendText appends a field of a line, quoted where CSV needs it.
func AppendText(line []byte, text string) []byte {
	plain := true
	for i := range len(text) {
		switch text[i] {
		case ',', '"', '\r', '\n':
			plain = false
		}
	}
	if plain {
		return append(line, text...)
	}
	line = append(line, '"')
	for i := range len(text) {
		if text[i] == '"' {
			line = append(line, '"')
		}
		line = append(line, text[i])
	}
	return append(line, '"')
}
