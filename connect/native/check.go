package native

import (
	"bytes"
	"slices"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/connect/format"
)

// event is one event of a body.
type event struct {
	batch.View
	line int // in the body, or place in the array, from 1
}

// cutter finds the events of a body, some at a time, so that they are read
// while they are in the core's cache: the lines of NDJSON that are not blank, or
// the elements of an array.
type cutter struct {
	text  []byte
	array []event // what is left of an array; nil for NDJSON
	start int     // of the next line
	line  int
}

func newCutter(text []byte) (*cutter, error) {
	c := &cutter{text: text, line: 1}
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		array, err := elements(text)
		c.array, c.start = array, len(text)
		return c, err
	}
	return c, nil
}

// next appends up to most events; none at the end.
func (c *cutter) next(events []event, most int) []event {
	n := min(most, len(c.array))
	events = append(events, c.array[:n]...)
	c.array = c.array[n:]
	for c.start < len(c.text) && len(events) < most {
		end, next := len(c.text), len(c.text)
		if i := bytes.IndexByte(c.text[c.start:], '\n'); i >= 0 {
			end, next = c.start+i, c.start+i+1
		}
		if c.start < end && (c.text[c.start] == '{' || len(bytes.TrimSpace(c.text[c.start:end])) > 0) {
			events = append(events, event{batch.View{Offset: uint32(c.start), Length: uint32(end - c.start)}, c.line})
		}
		c.start = next
		c.line++
	}
	return events
}

func tooMany() error {
	return problem.New(problem.TooLarge, "the body has more than %d events", eventsMax).WithHint("send the events in several bodies")
}

// elements finds the elements of a JSON array.
func elements(text []byte) ([]event, error) {
	views, err := format.SplitArray(nil, text, batch.View{Length: uint32(len(text))})
	if err != nil {
		return nil, problem.New(problem.InvalidRequest, "the body is %s", problem.Of(err).Message).WithHint("send an array of objects, or one object a line")
	}
	if len(views) > eventsMax {
		return nil, tooMany()
	}
	rest := text[bytes.IndexByte(text, '[')+1:]
	events := make([]event, len(views))
	for i, v := range views {
		events[i] = event{v, i + 1}
		rest = text[v.Offset+v.Length:]
	}
	if behind := bytes.TrimSpace(rest); len(behind) != 1 {
		return nil, problem.New(problem.InvalidRequest, "something follows the JSON array").WithHint("send one array, or one object a line")
	}
	return events, nil
}

// bad is an event that cannot be accepted.
type bad struct {
	event
	problem *problem.Problem
}

// pieceBytes is how much of a body is read at a time: texts that have escapes are
// put behind a copy of what was given.
const pieceBytes = 2 << 20

// bodyCheck reads the events of a body as the table's columns and packs them. It
// is used for one body at a time, and keeps its memory for the next.
type bodyCheck struct {
	intake  *Intake
	decoder *format.JSONDecoder // of events that were cut
	lines   *format.JSONDecoder // that finds the ends of lines itself, and leaves texts where they are
	packer  packer
	views   []batch.View
	events  []event

	// Of the body.
	count   int          // of good events
	good    []batch.View // them, unless they are packed
	bad     []bad
	pack    []byte // of the good ones
	hasMore bool   // good ones say more than the pack, which is not made to the end then
}

func newBodyCheck(in *Intake) *bodyCheck {
	c := &bodyCheck{intake: in, decoder: in.newDecoder(), lines: format.NewJSONDecoder(in.fields, format.JSONOptions{Strict: true})}
	c.lines.CutLines()
	return c
}

// isPacked reports whether the good events are better stored as the pack.
func (c *bodyCheck) isPacked() bool { return c.count >= packEventsMin && !c.hasMore }

// forget lets go of the body, and of memory that few bodies need.
func (c *bodyCheck) forget() {
	c.bad = nil
	c.packer.words.forget()
	if cap(c.pack) > packKeptBytesMax {
		c.pack = nil
	}
	if cap(c.good) > goodKeptMax {
		c.good = nil
	}
}

// body reads every event. A body of mostly wrong events is refused as a whole: it
// is not meant for this table.
func (c *bodyCheck) body(text []byte) error {
	if c.quick(text) {
		return nil
	}
	return c.each(text)
}

// each reads events that are cut out of the body first.
func (c *bodyCheck) each(text []byte) error {
	c.begin()
	cut, err := newCutter(text)
	if err != nil {
		return err
	}
	for count := 0; ; {
		if c.events = cut.next(c.events[:0], sectionEvents); len(c.events) == 0 {
			break
		}
		if count += len(c.events); count > eventsMax {
			return tooMany()
		}
		c.section(text)
		if len(c.bad) > badMax {
			slices.SortFunc(c.bad, byLine)
			return problem.New(problem.InvalidRequest, "more than %d events of the body cannot be read, the first at line %d: %s", badMax, c.bad[0].line, c.bad[0].problem.Message).
				WithHint("nothing of it was accepted; check that it is meant for this table")
		}
	}
	slices.SortFunc(c.bad, byLine)
	return nil
}

// begin forgets what was found of the body before.
func (c *bodyCheck) begin() {
	c.count, c.good, c.bad, c.hasMore = 0, c.good[:0], nil, false
	c.pack = append(c.pack[:0], c.intake.packHead...)
}

// quick reads the lines of a body without cutting it first, which does for nearly
// all. It gives up, and reports false, where an event may have to be stored or
// quarantined as it came.
func (c *bodyCheck) quick(text []byte) bool {
	if !hasLines(text, packEventsMin) || !areShort(text) {
		return false
	}
	c.begin()
	for len(text) > 0 {
		piece := text[:min(len(text), pieceBytes)]
		l := c.lines.DecodeLines(piece, len(piece) == len(text))
		if l.Taken == 0 || len(l.Rejected) > 0 || c.lines.MetUnknown() || c.count+l.Rows.Rows > eventsMax {
			c.lines.Reuse(l.Rows)
			return false
		}
		if l.Rows.Rows > 0 {
			c.pack = c.packer.appendSection(c.pack, l.Rows)
			c.count += l.Rows.Rows
		}
		c.lines.Reuse(l.Rows)
		text = text[l.Taken:]
	}
	return c.isPacked()
}

// hasLines reports whether a text has at least so many line feeds.
func hasLines(text []byte, lines int) bool {
	for range lines {
		at := bytes.IndexByte(text, '\n')
		if at < 0 {
			return false
		}
		text = text[at+1:]
	}
	return true
}

// areShort reports whether no line can be longer than an event may be: there is a
// line feed in every half of that.
func areShort(text []byte) bool {
	for len(text) > eventBytesMax/2 {
		if bytes.IndexByte(text[:eventBytesMax/2], '\n') < 0 {
			return false
		}
		text = text[eventBytesMax/2:]
	}
	return true
}

// section reads the events that were cut.
func (c *bodyCheck) section(text []byte) {
	views := c.views[:0]
	for i, e := range c.events {
		if e.Length > eventBytesMax {
			c.bad = append(c.bad, bad{e, problem.New(problem.TooLarge, "the event has %d bytes, more than %d", e.Length, eventBytesMax)})
			continue
		}
		c.events[len(views)] = c.events[i] // those that views are of
		views = append(views, e.View)
	}
	c.views = views
	b, rejected := c.decoder.Decode(text, views)
	c.hasMore = c.hasMore || c.decoder.MetUnknown()
	if b.Rows > 0 && !c.hasMore {
		c.pack = c.packer.appendSection(c.pack, b)
	}
	c.decoder.Reuse(b)
	start := 0
	for _, r := range rejected {
		c.good = append(c.good, views[start:r.Record]...)
		c.bad = append(c.bad, bad{c.events[r.Record], r.Problem})
		start = r.Record + 1
	}
	c.good = append(c.good, views[start:]...)
	c.count = len(c.good)
}
