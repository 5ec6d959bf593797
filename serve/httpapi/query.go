package httpapi

import (
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/query/gateway"
)

// Headers of answers that have no room for these in their body.
const (
	queryIDHeader    = "X-Tidemark-Query-Id"
	finalUntilHeader = "X-Tidemark-Final-Until" // absent when nothing is final
	ageHeader        = "X-Tidemark-Answer-Age"  // in ms; absent when it was computed for this question
)

// QueryRequest is a question.
type QueryRequest struct {
	SQL           string  `json:"sql" doc:"One query" minLength:"1"`
	Params        []Param `json:"params,omitempty" doc:"A value for each ? in turn"`
	Finality      string  `json:"finality,omitempty" enum:"latest,final" doc:"latest: all that is visible; final: only windows that cannot change any more"`
	RowsMax       int     `json:"max_rows,omitempty" doc:"Rows of the answer at most, 10,000 without, 10 million allowed; stats.truncated tells when there were more"`
	TimeoutMillis int64   `json:"timeout_ms,omitempty" doc:"How long waiting and answering may take: 30 s without, 10 minutes allowed. Memory is shared: a question that needs more than there is ends with too_large"`
	Zone          string  `json:"time_zone,omitempty" doc:"The session's time zone; UTC without" example:"Europe/Berlin"`
	Recompute     bool    `json:"recompute,omitempty" doc:"Compute the answer even when no table that it reads has moved since an equal question was answered"`
}

// QueryAnswer is an answer as one JSON document.
type QueryAnswer struct {
	ID         string          `json:"id"`
	Columns    []Column        `json:"columns"`
	Rows       [][]any         `json:"rows" doc:"BIGINT and DECIMAL as strings, timestamps as RFC 3339 (TIMESTAMP_LTZ in UTC with Z, TIMESTAMP without a zone), bytes as base64"`
	FinalUntil *time.Time      `json:"final_until" doc:"What the answer says about event times before this will not change; null when nothing is final. When everything is, because all input has ended, it is the last instant of the year 9999"`
	Route      []gateway.Piece `json:"route" doc:"What the answer was made from"`
	Stats      QueryStats      `json:"stats"`
}

// Column is a column of an answer.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type" doc:"As Flink prints it" example:"BIGINT NOT NULL"`
}

// QueryStats tells what answering took.
type QueryStats struct {
	Rows      int     `json:"rows"`
	Truncated bool    `json:"truncated" doc:"There were more rows than max_rows"`
	Waited    float64 `json:"waited_ms" doc:"For its turn"`
	Ran       float64 `json:"ran_ms"`
	Kept      bool    `json:"kept,omitzero" doc:"The answer was computed for an equal question, and the tables that it reads have not moved since"`
	Age       float64 `json:"age_ms,omitzero" doc:"Since it was computed, when it was kept"`
}

// RunningList is the questions that are being answered.
type RunningList struct {
	Queries []RunningQuery `json:"queries" doc:"The longest running first"`
}

// RunningQuery is a question that is being answered.
type RunningQuery struct {
	ID    string    `json:"id"`
	SQL   string    `json:"sql"`
	Since time.Time `json:"since"`
}

// query answers a question in the form that the client accepts.
func (s *Server) query(w http.ResponseWriter, r *http.Request) error {
	form, err := acceptedForm(r.Header.Values("Accept"))
	if err != nil {
		return err
	}
	var request QueryRequest
	if err := readJSON(w, r, &request); err != nil {
		return err
	}
	question, err := request.question()
	if err != nil {
		return err
	}
	out := &reply{w: w}
	var writer answerWriter
	answer, err := s.config.Asker.Ask(r.Context(), question, gateway.Rows{
		Start: func(a *gateway.Answer) (err error) {
			s.announce(w.Header(), form, a)
			writer, err = form.writer(out, a)
			return err
		},
		Batch: func(b *batch.Batch) error { return writer.batch(b) },
	})
	if err != nil {
		if r.Context().Err() != nil {
			return fmt.Errorf("%w: %w", errGone, err)
		}
		return err
	}
	if err := writer.end(answer); err != nil {
		return err
	}
	return out.flush()
}

// question checks a request.
func (q QueryRequest) question() (gateway.Question, error) {
	g := gateway.Question{SQL: q.SQL, Finality: gateway.Finality(q.Finality), RowsMax: q.RowsMax, Timeout: time.Duration(q.TimeoutMillis) * time.Millisecond, Recompute: q.Recompute}
	switch {
	case strings.TrimSpace(q.SQL) == "":
		return g, problem.New(problem.InvalidRequest, "there is no question").About("sql")
	case q.Finality != "" && g.Finality != gateway.Latest && g.Finality != gateway.Settled:
		return g, problem.New(problem.InvalidRequest, "finality cannot be %q", q.Finality).About("finality").WithHint("allowed: latest, final")
	case q.RowsMax < 0:
		return g, problem.New(problem.InvalidRequest, "max_rows cannot be negative").About("max_rows")
	case q.TimeoutMillis < 0 || q.TimeoutMillis > int64(24*time.Hour/time.Millisecond):
		return g, problem.New(problem.InvalidRequest, "timeout_ms is a number of milliseconds up to a day").About("timeout_ms")
	case len(q.Params) > paramsMax:
		return g, problem.New(problem.TooLarge, "there are %d params, more than %d", len(q.Params), paramsMax).About("params")
	}
	if q.Zone != "" {
		zone, err := time.LoadLocation(q.Zone)
		if err != nil || q.Zone == "Local" {
			return g, problem.New(problem.InvalidValue, "there is no time zone %q", q.Zone).About("time_zone").WithHint("use a name such as Europe/Berlin")
		}
		g.Zone = zone
	}
	for _, p := range q.Params {
		g.Params = append(g.Params, value.Value(p))
	}
	return g, nil
}

// announce sets the headers of an answer, which leave with its first bytes.
func (s *Server) announce(header http.Header, form *answerForm, a *gateway.Answer) {
	header.Set("Content-Type", form.contentType)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set(queryIDHeader, a.ID)
	if until := finalUntil(a); until != nil {
		header.Set(finalUntilHeader, until.Format(time.RFC3339Nano))
	}
	if a.Kept {
		header.Set(ageHeader, strconv.FormatFloat(milliseconds(a.Age), 'f', -1, 64))
	}
}

func finalUntil(a *gateway.Answer) *time.Time {
	if !a.Tracked {
		return nil
	}
	return moment(a.FinalUntil)
}

// cancelQuery ends a running question.
func (s *Server) cancelQuery(w http.ResponseWriter, r *http.Request) error {
	if err := s.config.Asker.Cancel(r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// listQueries lists the questions that are being answered.
func (s *Server) listQueries(w http.ResponseWriter, _ *http.Request) error {
	var list RunningList
	for _, q := range s.config.Asker.Running() {
		list.Queries = append(list.Queries, RunningQuery{ID: q.ID, SQL: q.SQL, Since: q.Since})
	}
	sort.Slice(list.Queries, func(i, j int) bool { return list.Queries[i].Since.Before(list.Queries[j].Since) })
	return writeJSON(w, http.StatusOK, list)
}

// answerForm is a form in which answers are written.
type answerForm struct {
	contentType string
	names       []string // media types that ask for it
	writer      func(*reply, *gateway.Answer) (answerWriter, error)
}

// answerWriter writes one answer to a reply. It is used by one goroutine.
type answerWriter interface {
	batch(*batch.Batch) error
	// end writes what stands behind the rows. It does not flush the reply.
	end(*gateway.Answer) error
}

// answerForms are all forms; the first is taken when the client accepts anything.
func answerForms() []*answerForm {
	return []*answerForm{
		{"application/json", []string{"application/json"}, newJSONAnswer},
		{"application/x-ndjson", []string{"application/x-ndjson", "application/ndjson", "application/jsonl"}, newLinesAnswer},
		{"text/csv; charset=utf-8; header=present", []string{"text/csv"}, newCSVAnswer},
		{arrowStream, []string{arrowStream}, newArrowAnswer},
	}
}

// acceptedForm chooses the form that an Accept header likes best.
func acceptedForm(accept []string) (*answerForm, error) {
	forms := answerForms()
	header := strings.Join(accept, ",")
	if strings.TrimSpace(header) == "" {
		return forms[0], nil
	}
	var best *answerForm
	bestWeight := 0.0
	for part := range strings.SplitSeq(header, ",") {
		name, parameters, _ := strings.Cut(part, ";")
		weight := acceptWeight(parameters)
		if weight <= bestWeight {
			continue
		}
		if f := formNamed(forms, strings.ToLower(strings.TrimSpace(name))); f != nil {
			best, bestWeight = f, weight
		}
	}
	if best == nil {
		p := problem.New(problem.Unsupported, "answers cannot be written as %s", strings.TrimSpace(header)).About("Accept").
			WithHint("use application/json, application/x-ndjson, text/csv or %s", arrowStream)
		return nil, &refusal{http.StatusNotAcceptable, p}
	}
	return best, nil
}

func formNamed(forms []*answerForm, name string) *answerForm {
	if name == "*/*" || name == "application/*" {
		return forms[0]
	}
	for _, f := range forms {
		for _, n := range f.names {
			if n == name || name == "text/*" && strings.HasPrefix(n, "text/") {
				return f
			}
		}
	}
	return nil
}

// acceptWeight reads q=… of an Accept header; 1 without.
func acceptWeight(parameters string) float64 {
	for p := range strings.SplitSeq(parameters, ";") {
		if text, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(p)), "q="); ok {
			weight, err := strconv.ParseFloat(text, 64)
			if err != nil || !(weight >= 0 && weight <= 1) {
				return 0
			}
			return weight
		}
	}
	return 1
}
