package format

import (
	"slices"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/connect"
)

// CanSelect reports whether a JSON decoder can be given a condition on a column of
// the type.
func CanSelect(c connect.Condition, t value.Type) bool {
	switch {
	case c.Comparison == connect.IsNotNull:
		return true
	case t.IsText():
		return c.Comparison == connect.Equals || c.Comparison == connect.In
	}
	return t.Class() == value.Ints
}

// Select has the decoder look at conditions, on its columns by their positions: the
// Sel of the batches that follow is the rows that pass all of them, nil when all rows
// do. With CopyTexts, texts of columns that are not whole are copied for these rows
// only. It is called before the first record is read.
func (d *JSONDecoder) Select(s connect.Selection) {
	for _, c := range s.Conditions {
		d.selection.conditions = append(d.selection.conditions, newRowCondition(c, d.columns[c.Column].Type.IsText()))
	}
	d.selection.whole = s.Whole
}

// selection is which rows of a batch are wanted.
type selection struct {
	conditions []rowCondition
	whole      []bool // by column: texts of all rows are wanted
}

// rowCondition is a condition with what it needs for many rows.
type rowCondition struct {
	column     int
	comparison connect.Comparison
	numbers    []int64 // one, or those of IN
	texts      []wantedText
}

// wantedText is a text to compare others with.
type wantedText struct {
	text  string
	short bool   // it fits into a word:
	word  uint64 // itself
	ones  uint64 // and the bits that it has there
}

func newRowCondition(c connect.Condition, isText bool) rowCondition {
	r := rowCondition{column: c.Column, comparison: c.Comparison}
	values := c.Values
	switch c.Comparison {
	case connect.IsNotNull:
		return r
	case connect.In:
	default:
		values = []value.Value{c.Value}
	}
	for _, v := range values {
		if !isText {
			r.numbers = append(r.numbers, v.Int)
			continue
		}
		w := wantedText{text: v.Text, short: len(v.Text) <= wordBytes}
		if w.short {
			padded := append([]byte(v.Text), make([]byte, wordBytes)...)
			w.word, w.ones = loadWord(padded, 0), 1<<(8*len(v.Text))-1
		}
		r.texts = append(r.texts, w)
	}
	return r
}

// passing gives the rows of a batch, whose texts are still in the block, that pass
// all conditions; nil when that is all rows.
func (s *selection) passing(b *batch.Batch, t *texts, block []byte) []uint16 {
	if len(s.conditions) == 0 {
		return nil
	}
	rows := make([]uint16, b.Rows)
	for i := range rows {
		rows[i] = uint16(i)
	}
	for _, c := range s.conditions {
		column := b.Columns[c.column]
		switch {
		case c.texts != nil:
			rows = c.textsAmong(rows, column, t, block)
		case c.numbers != nil:
			rows = c.numbersAmong(rows, column.Ints)
		}
		if column.Nulls != nil {
			rows = slices.DeleteFunc(rows, func(row uint16) bool { return column.Nulls.Get(int(row)) })
		}
	}
	if len(rows) == b.Rows {
		return nil
	}
	return rows
}

// textsAmong leaves the rows that have one of the texts. Which do cannot be foreseen,
// so that no branch depends on it: every row is written down, and the next one over it
// unless it passed.
func (c *rowCondition) textsAmong(rows []uint16, column *batch.Column, t *texts, block []byte) []uint16 {
	n := 0
	for _, row := range rows {
		v := column.Views[row]
		passes := 0
		if v.Length < escapedMark && int(v.Offset)+wordBytes <= len(block) {
			for i := range c.texts {
				passes |= c.texts[i].equals(block, v)
			}
		} else {
			text := t.raw(block, v)
			if v.Length&escapedMark != 0 {
				text = appendUnescaped(nil, text)
			}
			if slices.ContainsFunc(c.texts, func(w wantedText) bool { return w.text == string(text) }) {
				passes = 1
			}
		}
		rows[n] = row
		n += passes
	}
	return rows[:n]
}

// equals is 1 where the text is that of a view, behind whose begin there is a word in
// block, and else 0.
func (w *wantedText) equals(block []byte, v batch.View) int {
	differs := uint64(v.Length) ^ uint64(len(w.text))
	if w.short {
		differs |= loadWord(block, int(v.Offset))&w.ones ^ w.word
	} else if differs == 0 && string(block[v.Offset:v.Offset+v.Length]) != w.text {
		differs = 1
	}
	return int((differs|-differs)>>63) ^ 1
}

// numbersAmong leaves the rows whose numbers pass.
func (c *rowCondition) numbersAmong(rows []uint16, numbers []int64) []uint16 {
	with, n := c.numbers[0], 0
	for _, row := range rows {
		number, passes := numbers[row], false
		switch c.comparison {
		case connect.Equals:
			passes = number == with
		case connect.Less:
			passes = number < with
		case connect.LessOrEqual:
			passes = number <= with
		case connect.Greater:
			passes = number > with
		case connect.GreaterOrEqual:
			passes = number >= with
		case connect.In:
			passes = slices.Contains(c.numbers, number)
		case connect.IsNotNull:
		}
		rows[n] = row
		if passes {
			n++
		}
	}
	return rows[:n]
}
