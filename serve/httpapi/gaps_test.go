package httpapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/connect"
)

// fakeGaps has a gap of every kind of answer.
type fakeGaps struct{}

func (fakeGaps) Gaps() []connect.Gap {
	digest := func(ids ...uint64) (d connect.Digest) {
		for _, id := range ids {
			d.Add(id)
		}
		return d
	}
	at := noon.Add(-time.Minute)
	return []connect.Gap{
		{
			ID: "away", Table: "clicks", Job: "ads_minute", State: connect.GapOpen, From: at.UnixMilli(), Until: batch.Final, Lost: "primary", Taken: "standby",
			Reason: "the primary site was unreachable for 5s", Opened: at,
		},
		{
			ID: "ads_minute", Table: "clicks", Job: "ads_minute", State: connect.GapProposed, From: at.UnixMilli() - 90_000, Until: at.UnixMilli() - 60_000, Lost: "primary", Taken: "standby",
			Reason: "the primary site was unreachable for 5s", Opened: at.Add(-time.Hour), Differs: "2 events never became rows", Missing: 2, Dropped: 7,
			Sites: [2]connect.SiteDigest{{Site: "primary", Digest: digest(1, 2, 3)}, {Site: "standby", Digest: digest(3, 2, 1)}}, Union: digest(1, 2, 3), Read: digest(3), Shared: 3,
			Splits: []connect.GapPosition{{Split: "0", Lost: "offset 41", Taken: "offset 12"}},
		},
		{ID: "old", Table: "clicks", Job: "ads_minute", State: connect.GapClosed, From: batch.NoMark, Until: at.UnixMilli(), Lost: "standby", Taken: "primary", Opened: at.Add(-2 * time.Hour), Closed: at, Late: 3, Replayed: 3},
	}
}

func (f fakeGaps) Gap(id string) (connect.Gap, error) {
	for _, g := range f.Gaps() {
		if g.ID == id {
			return g, nil
		}
	}
	return connect.Gap{}, problem.New(problem.NotFound, "there is no gap %s", id)
}

func (f fakeGaps) Close(_ context.Context, id string) (connect.Gap, error) {
	g, err := f.Gap(id)
	if err == nil && g.State != connect.GapProposed {
		err = problem.New(problem.Conflict, "the primary site of clicks is away")
	}
	return g, err
}

func TestWithoutGaps(t *testing.T) {
	without := newWorld(t, func(c *Config) { c.Gaps = nil })
	answer := httptest.NewRecorder()
	without.server.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/api/v1/gaps", nil))
	if answer.Code != http.StatusUnprocessableEntity {
		t.Errorf("without gaps: %d %s", answer.Code, answer.Body)
	}
}
