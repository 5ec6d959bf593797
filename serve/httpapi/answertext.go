package httpapi

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/connect/format"
	"tidemark/query/gateway"
)

// answerStyle is how values are spelled in JSON answers.
var answerStyle = format.JSONStyle{ISO: true, WideAsText: true, NullKeys: format.WriteNullKey, NullKey: "null"}

// jsonAnswer writes a QueryAnswer, row by row.
type jsonAnswer struct {
	out   *reply
	first bool // no row has been written yet
}

func newJSONAnswer(out *reply, a *gateway.Answer) (answerWriter, error) {
	columns := make([]Column, len(a.Columns))
	for i, f := range a.Columns {
		columns[i] = Column{Name: f.Name, Type: f.Type.String()}
	}
	head, err := json.Marshal(struct {
		ID      string   `json:"id"`
		Columns []Column `json:"columns"`
	}{a.ID, columns})
	if err != nil {
		return nil, fmt.Errorf("write columns: %w", err)
	}
	out.buffer = append(append(out.buffer, head[:len(head)-1]...), `,"rows":[`...)
	return &jsonAnswer{out: out, first: true}, nil
}

func (j *jsonAnswer) batch(b *batch.Batch) error {
	dst := j.out.buffer
	var err error
	b.Each(func(i int) {
		if !j.first {
			dst = append(dst, ',')
		}
		j.first = false
		dst = append(dst, '\n', '[')
		for k, c := range b.Columns {
			if k > 0 {
				dst = append(dst, ',')
			}
			if err == nil {
				dst, err = format.AppendJSON(dst, c, i, answerStyle)
			}
		}
		dst = append(dst, ']')
	})
	j.out.buffer = dst
	if err != nil {
		return err
	}
	return j.out.spill()
}

func (j *jsonAnswer) end(a *gateway.Answer) error {
	tail, err := json.Marshal(struct {
		FinalUntil *time.Time      `json:"final_until"`
		Route      []gateway.Piece `json:"route"`
		Stats      QueryStats      `json:"stats"`
	}{finalUntil(a), a.Route, statsOf(a)})
	if err != nil {
		return fmt.Errorf("write end of answer: %w", err)
	}
	j.out.buffer = append(j.out.buffer, "\n],"...)
	j.out.buffer = append(append(j.out.buffer, tail[1:]...), '\n')
	return nil
}

func statsOf(a *gateway.Answer) QueryStats {
	return QueryStats{Rows: a.Stats.Rows, Truncated: a.Stats.Truncated, Waited: milliseconds(a.Stats.Waited), Ran: milliseconds(a.Stats.Ran), Kept: a.Kept, Age: milliseconds(a.Age)}
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// linesAnswer writes rows with an encoder of connect/format.
type linesAnswer struct {
	out     *reply
	encoder format.Encoder
}

// newLinesAnswer writes a JSON object a row.
func newLinesAnswer(out *reply, a *gateway.Answer) (answerWriter, error) {
	return &linesAnswer{out, format.NewJSONEncoder(a.Columns, answerStyle)}, nil
}

// newCSVAnswer writes a line with the column names and a line a row.
func newCSVAnswer(out *reply, a *gateway.Answer) (answerWriter, error) {
	csv, err := format.ByName("csv")
	if err != nil {
		return nil, err
	}
	encoder, err := csv.NewEncoder(a.Columns, map[string]string{"csv.header": "true"})
	if err != nil {
		p := problem.Of(err)
		return nil, problem.New(problem.Unsupported, "the answer cannot be CSV: %s", p.Message).About(p.Field).WithHint("leave the column out, or accept application/json")
	}
	out.buffer = encoder.AppendHeader(out.buffer)
	return &linesAnswer{out, encoder}, nil
}

func (l *linesAnswer) batch(b *batch.Batch) error {
	var err error
	b.Each(func(i int) {
		if err == nil {
			l.out.buffer, err = l.encoder.AppendRow(l.out.buffer, b, i)
		}
	})
	if err != nil {
		return err
	}
	return l.out.spill()
}

func (l *linesAnswer) end(*gateway.Answer) error { return nil }
