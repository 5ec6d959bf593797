package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/catalog"
	"tidemark/progress"
)

// TableProgress is how far a table is settled.
type TableProgress struct {
	Table      string           `json:"table"`
	FinalUntil *time.Time       `json:"final_until" doc:"What the table says about event times before this will not change; null when nothing is final. When everything is, because all input has ended, it is the last instant of the year 9999"`
	Watermark  *time.Time       `json:"watermark" doc:"The event time that the table's own job has passed and whose rows are visible"`
	BlockedBy  *string          `json:"blocked_by" doc:"Who keeps final_until from moving; null when nobody does"`
	LateRows   int64            `json:"late_rows" doc:"Rows that came after their window was final"`
	Gaps       []TableGap       `json:"gaps" doc:"Parts of its input that may be missing: those that are open, and those in the span that left rows out"`
	Windows    []WindowProgress `json:"windows" doc:"Those that have begun, the oldest first; none for a table without windows"`
	Sources    []ProgressSource `json:"sources" doc:"How far the partitions of what it is made from were read: the evidence for final_until. Of a table outside, how far each job has read it. None where no job runs"`
}

// ProgressSource is how far a job has read a table.
type ProgressSource struct {
	Job string `json:"job"`
	JobSource
}

// WindowProgress is how far a window is settled.
type WindowProgress struct {
	Start        time.Time      `json:"start"`
	End          time.Time      `json:"end" doc:"The first instant behind the window"`
	State        progress.State `json:"state" enum:"open,provisional,final,final_with_gap,blocked,amended"`
	Completeness *float64       `json:"completeness" doc:"1 when every row is in; null when that is not known"`
	BlockedBy    *string        `json:"blocked_by"`
	Revision     int64          `json:"revision" doc:"How often it was corrected after it had been final"`
	Evidence     WindowEvidence `json:"evidence" doc:"What the state was decided from"`
}

// WindowEvidence is what a window's state was decided from.
type WindowEvidence struct {
	Watermark  *time.Time `json:"watermark"`
	FinalUntil *time.Time `json:"final_until" doc:"The least watermark along the lineage"`
	Gap        *string    `json:"gap" doc:"What is known to be missing"`
}

// getProgress tells how far a table is settled.
func (s *Server) getProgress(w http.ResponseWriter, r *http.Request) error {
	table := r.PathValue("table")
	if _, exists := s.config.Catalog.Table(table); !exists {
		return catalog.Unknown(table, s.config.Catalog.Names())
	}
	now := s.config.Now()
	from, to, err := span(r, now)
	if err != nil {
		return err
	}
	p, known := s.config.Board.Of(table, from, to, now)
	if !known {
		p = progress.Progress{Table: table, FinalUntil: batch.NoMark, Watermark: batch.NoMark}
	}
	shown := tableProgress(p)
	shown.Sources = sourcesOf(table, s.statuses())
	return writeJSON(w, http.StatusOK, shown)
}

// sourcesOf are what a table's own job reads, or, of a table that has none, the
// table itself as each job that reads it does.
func sourcesOf(table string, jobs []JobStatus) []ProgressSource {
	own, others := []ProgressSource{}, []ProgressSource{}
	for _, j := range jobs {
		for _, source := range j.Sources {
			switch table {
			case j.Name:
				own = append(own, ProgressSource{Job: j.Name, JobSource: source})
			case source.Table:
				others = append(others, ProgressSource{Job: j.Name, JobSource: source})
			}
		}
	}
	if len(own) > 0 {
		return own
	}
	return others
}

// span reads from and to; the last hour without them.
func span(r *http.Request, now time.Time) (from, to int64, err error) {
	query := r.URL.Query()
	to = now.UnixMilli()
	if text := query.Get("to"); text != "" {
		if to, err = readMoment("to", text); err != nil {
			return 0, 0, err
		}
	}
	from = to - progressSpan.Milliseconds()
	if text := query.Get("from"); text != "" {
		if from, err = readMoment("from", text); err != nil {
			return 0, 0, err
		}
	}
	if from > to {
		return 0, 0, problem.New(problem.InvalidRequest, "from is after to").About("from")
	}
	return from, to, nil
}

// readMoment reads RFC 3339 or milliseconds since 1970.
func readMoment(name, text string) (int64, error) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return min(max(ms, firstMoment), lastMoment), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, problem.New(problem.InvalidRequest, "%s is not a time: %q", name, text).About(name).WithHint("write it as 2026-01-31T10:00:00Z, or in milliseconds since 1970")
	}
	return t.UnixMilli(), nil
}

func tableProgress(p progress.Progress) TableProgress {
	shown := TableProgress{Table: p.Table, FinalUntil: moment(p.FinalUntil), Watermark: moment(p.Watermark), BlockedBy: known(p.BlockedBy), LateRows: p.Late, Gaps: tableGaps(p.Gaps)}
	for _, w := range p.Windows {
		shown.Windows = append(shown.Windows, WindowProgress{
			Start:        *moment(w.Start),
			End:          *moment(w.End),
			State:        w.State,
			Completeness: completeness(w.State),
			BlockedBy:    known(w.BlockedBy),
			Revision:     w.Revision,
			Evidence:     WindowEvidence{Watermark: shown.Watermark, FinalUntil: shown.FinalUntil, Gap: known(w.Gap)},
		})
	}
	return shown
}

// completeness is the part of a window's rows that are in, where that is known:
// all of them, once nothing more can come and nothing is missing.
func completeness(s progress.State) *float64 {
	if s != progress.Final && s != progress.Amended {
		return nil
	}
	whole := 1.0
	return &whole
}

// known is nil, which is null, for an empty text.
func known(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
