package format

import (
	"bytes"

	"tidemark/base/batch"
)

// Lines is what DecodeLines has read.
type Lines struct {
	Rows      *batch.Batch
	Rejected  []Rejected // records are numbered as the format's splitter cuts them
	Taken     int        // bytes of the block
	LineFeeds int        // among them
}

// CutLines makes the decoder ready for DecodeLines. It is called before the first
// record is read.
func (d *JSONDecoder) CutLines() { d.lines = true }

// DecodeLines reads records of a block as the format's splitter would cut them,
// one a line, and as Decode would read them: at most batch.MaxRows of them, up to
// a line that is an array, and unless it is final up to the last line feed. The
// batch is not for use where nothing was taken.
//
// The end of a line is not looked for before the line is read: in a record whose
// seams are known, there is no line feed. Before it is read the thorough way, or a
// value of it is, bound finds where it must end.
func (d *JSONDecoder) DecodeLines(block []byte, final bool) Lines {
	if !final && bytes.IndexByte(block, '\n') < 0 {
		return Lines{Rows: &batch.Batch{}}
	}
	const shortest = len("1\n")
	most := min(batch.MaxRows, len(block)/shortest+1)
	room := min(most, len(block)/max(d.lineBytes, shortest)+1)
	l := Lines{Rows: d.begin(block, room)}
	records := 0
	defer func() {
		if records > 0 {
			d.lineBytes = l.Taken / records
		}
	}()
	for records < most && l.Taken < len(block) {
		start := l.Taken
		if l.Rows.Rows == room {
			room = min(most, 2*room)
			d.resize(l.Rows, room)
		}
		if block[start] == '\n' || block[start] == '\r' {
			if length := emptyLine(block[start:], final); length > 0 {
				l.pass(block, start+length)
				continue
			}
		}
		d.block, d.nextLine, d.final = block, notBound, final
		if block[start] != '{' {
			d.bound(start)
		}
		accepted := d.record(start, l.Rows.Rows)
		if d.nextLine == notBound && (!accepted || d.end == len(block) || block[d.end] != '\n') {
			d.bound(d.end)
		}
		next := d.nextLine
		switch record := (batch.View{Offset: uint32(start), Length: uint32(len(d.block) - start)}); {
		case next == notBound:
			next = d.end + 1
		case next == lineGoesOn:
			d.finish(l.Rows)
			return l
		case !accepted && IsArray(block, record):
			d.finish(l.Rows)
			return l
		case !accepted:
			l.Rejected = append(l.Rejected, Rejected{Record: records, Problem: d.problem(record)})
		}
		if accepted {
			l.Rows.Rows++
		}
		records++
		l.pass(block, next)
	}
	d.finish(l.Rows)
	return l
}

// pass moves on to the begin of a line.
func (l *Lines) pass(block []byte, next int) {
	if block[next-1] == '\n' {
		l.LineFeeds++
	}
	l.Taken = next
}

// emptyLine is the length of the empty line at the begin of block, 0 when there
// is none.
func emptyLine(block []byte, final bool) int {
	n := 0
	if block[n] == '\r' {
		n++
	}
	switch {
	case n < len(block) && block[n] == '\n':
		return n + 1
	case n == len(block) && final:
		return n
	}
	return 0
}

// What nextLine is when it is no index.
const (
	notBound   = -1 // the record's end was not looked for
	lineGoesOn = -2 // in the next block
)

// bound ends the block with the line that i is in, unless that was done before.
func (d *JSONDecoder) bound(i int) {
	if d.nextLine != notBound {
		return
	}
	length := bytes.IndexByte(d.block[i:], '\n')
	end := i + length
	switch {
	case length >= 0:
		d.nextLine = end + 1
	case d.final:
		end = len(d.block)
		d.nextLine = end
	default:
		end = len(d.block)
		d.nextLine = lineGoesOn
	}
	if end > i && d.block[end-1] == '\r' {
		end--
	}
	d.block = d.block[:end]
}
