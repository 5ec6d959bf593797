package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/connect"
	"tidemark/progress"
)

// Gaps knows the gaps in the input of jobs. It is called from many goroutines;
// errors are problems, or ours.
type Gaps interface {
	// Gaps lists all, the newest first.
	Gaps() []connect.Gap
	Gap(id string) (connect.Gap, error)
	// Close has the replay run that closes a gap, if that is what it waits for.
	Close(ctx context.Context, id string) (connect.Gap, error)
}

// Gap is a part of the input of a job of which it is, or was, not certain that all
// of it became rows.
type Gap struct {
	ID       string           `json:"id"`
	Table    string           `json:"table" doc:"The source"`
	Job      string           `json:"job" doc:"That reads it"`
	State    connect.GapState `json:"state" enum:"open,comparing,proposed,replaying,differing,closed"`
	From     *time.Time       `json:"from" doc:"Event time from which on rows may be missing; null for the beginning"`
	Until    *time.Time       `json:"until" doc:"The first event time behind the gap; null while the lost site is away"`
	Lost     string           `json:"lost" doc:"The site that was left"`
	Taken    string           `json:"taken" doc:"The site that is read since"`
	Reason   string           `json:"reason" doc:"Why the site was left"`
	OpenedAt time.Time        `json:"opened_at"`
	ClosedAt *time.Time       `json:"closed_at"`
	Differs  *string          `json:"differs" doc:"What keeps the gap from closing"`
	Proposal *string          `json:"proposal" doc:"What would close it, when that waits for somebody"`
	Compared *GapComparison   `json:"compared,omitempty" doc:"What the interval had when both sites were read last; left out before"`
	Missing  int64            `json:"missing" doc:"Events that a replay would add"`
	Replayed int64            `json:"replayed" doc:"Events that it has added"`
	Late     int64            `json:"late" doc:"Of those, after watermarks had gone on: windows lack them"`
	Dropped  int64            `json:"dropped" doc:"Copies of events that were rows already"`
	Splits   []GapSplit       `json:"splits" doc:"Where reading went from one site to the other"`
}

// GapComparison is what an interval has.
type GapComparison struct {
	Primary EventDigest `json:"primary"`
	Standby EventDigest `json:"standby"`
	Union   EventDigest `json:"union" doc:"Of events that any site has"`
	Read    EventDigest `json:"read" doc:"Of events that became rows"`
	Shared  int64       `json:"shared" doc:"Events that both sites have"`
}

// EventDigest identifies a set of events, whatever their order.
type EventDigest struct {
	Count int64  `json:"count"`
	Hash  string `json:"hash" doc:"Of all ids: equal for equal sets"`
}

// GapSplit is where a partition was left and taken up.
type GapSplit struct {
	Partition string `json:"partition"`
	Lost      string `json:"lost" doc:"First position that was not read at the lost site"`
	Taken     string `json:"taken" doc:"Where reading began at the other"`
}

// GapList is all gaps, the newest first.
type GapList struct {
	Gaps []Gap `json:"gaps"`
}

// GapAction is what somebody asks of a gap.
type GapAction string

// CloseGap has what is missing added.
const CloseGap GapAction = "close"

// GapActionRequest asks for an action.
type GapActionRequest struct {
	Action GapAction `json:"action" enum:"close"`
}

// TableGap is a gap as it concerns a table.
type TableGap struct {
	ID    string     `json:"id"`
	From  *time.Time `json:"from"`
	Until *time.Time `json:"until"`
	Open  bool       `json:"open" doc:"Rows may still be added"`
	Text  string     `json:"text"`
}

func (s *Server) gapKeeper() (Gaps, error) {
	if s.config.Gaps == nil {
		return nil, problem.New(problem.Unsupported, "this server knows of no gaps").WithHint("ask the one that runs the jobs")
	}
	return s.config.Gaps, nil
}

func (s *Server) listGaps(w http.ResponseWriter, _ *http.Request) error {
	keeper, err := s.gapKeeper()
	if err != nil {
		return err
	}
	list := GapList{Gaps: []Gap{}}
	for _, g := range keeper.Gaps() {
		list.Gaps = append(list.Gaps, gapOf(g))
	}
	return writeJSON(w, http.StatusOK, list)
}

func (s *Server) getGap(w http.ResponseWriter, r *http.Request) error {
	keeper, err := s.gapKeeper()
	if err != nil {
		return err
	}
	g, err := keeper.Gap(r.PathValue("id"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, gapOf(g))
}

func (s *Server) actOnGap(w http.ResponseWriter, r *http.Request) error {
	var request GapActionRequest
	if err := readJSON(w, r, &request); err != nil {
		return err
	}
	if request.Action != CloseGap {
		return problem.New(problem.InvalidRequest, "action cannot be %q", request.Action).About("action").WithHint("allowed: close")
	}
	keeper, err := s.gapKeeper()
	if err != nil {
		return err
	}
	g, err := keeper.Close(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, gapOf(g))
}

func gapOf(g connect.Gap) Gap {
	shown := Gap{
		ID: g.ID, Table: g.Table, Job: g.Job, State: g.State, From: moment(g.From), Lost: g.Lost, Taken: g.Taken, Reason: g.Reason,
		OpenedAt: g.Opened.UTC(), Differs: known(g.Differs), Missing: g.Missing, Replayed: g.Replayed, Late: g.Late, Dropped: g.Dropped, Splits: []GapSplit{},
	}
	if g.Until != batch.Final {
		shown.Until = moment(g.Until)
	}
	if !g.Closed.IsZero() {
		at := g.Closed.UTC()
		shown.ClosedAt = &at
	}
	if g.State == connect.GapProposed {
		text := "add " + strconv.FormatInt(g.Missing, 10) + " events that one of the sites has and that never became rows: tidemark gaps close " + g.ID
		shown.Proposal = &text
	}
	if g.Sites[0].Site != "" {
		shown.Compared = &GapComparison{Primary: digestOf(g.Sites[0].Digest), Standby: digestOf(g.Sites[1].Digest), Union: digestOf(g.Union), Read: digestOf(g.Read), Shared: g.Shared}
	}
	for _, at := range g.Splits {
		shown.Splits = append(shown.Splits, GapSplit{Partition: string(at.Split), Lost: at.Lost, Taken: at.Taken})
	}
	return shown
}

func digestOf(d connect.Digest) EventDigest {
	return EventDigest{Count: d.Count, Hash: strconv.FormatUint(d.Sum, 16) + "-" + strconv.FormatUint(d.Xor, 16)}
}

func tableGaps(gaps []progress.Gap) []TableGap {
	all := []TableGap{}
	for _, g := range gaps {
		one := TableGap{ID: g.ID, From: moment(g.From), Open: g.Open, Text: g.Text}
		if g.Until != batch.Final {
			one.Until = moment(g.Until)
		}
		all = append(all, one)
	}
	return all
}
