package httpapi

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/progress"
	"tidemark/query/gateway"
)

// What the live page is made from: the tables of the ad demo.
const (
	minuteTable       = "ads_minute"          // window_start, impressions, clicks, errors, revenue
	campaignTable     = "dws_campaign_minute" // and campaign
	dashboardCurrency = "USD"
	dashboardSpan     = time.Hour
	campaignsShown    = 10
	minutesMax        = 1500 // a day has 1440
)

// Dashboard is what the live page shows. BIGINT and DECIMAL are strings.
type Dashboard struct {
	Now        time.Time         `json:"now"`
	FinalUntil *time.Time        `json:"final_until"`
	Watermark  *time.Time        `json:"watermark" doc:"Event time the slowest job of the page has passed"`
	BlockedBy  *string           `json:"blocked_by"`
	Tables     []string          `json:"tables" doc:"What the numbers are from"`
	Currency   string            `json:"currency" doc:"ISO 4217"`
	Series     []DashboardMinute `json:"series" doc:"The last 60 minutes, the oldest first; those without events may be left out"`
	Campaigns  []Campaign        `json:"campaigns" doc:"At most ten, by revenue over the last 60 minutes"`
	Totals     DashboardTotals   `json:"totals"`
	Ingest     DashboardIngest   `json:"ingest"`
}

// Measures are what is counted.
type Measures struct {
	Impressions string `json:"impressions"`
	Clicks      string `json:"clicks"`
	Revenue     string `json:"revenue"`
	Errors      string `json:"errors"`
}

// DashboardMinute is one minute over all campaigns.
type DashboardMinute struct {
	Minute time.Time      `json:"minute"`
	State  progress.State `json:"state" enum:"open,provisional,final,final_with_gap,blocked,amended"`
	Measures
}

// Campaign is one campaign over the last 60 minutes.
type Campaign struct {
	Campaign    string  `json:"campaign"`
	Impressions string  `json:"impressions"`
	Clicks      string  `json:"clicks"`
	CTR         float64 `json:"ctr" doc:"Clicks by impressions, 0 without impressions"`
	Revenue     string  `json:"revenue"`
}

// DashboardTotals are sums of the day in UTC.
type DashboardTotals struct {
	Since time.Time `json:"since" doc:"Start of the day, or of its first minute with data"`
	Measures
}

// DashboardIngest is how the taking of events goes.
type DashboardIngest struct {
	EventsPerSecond float64  `json:"events_per_second"`
	FreshnessMillis *float64 `json:"freshness_ms" doc:"From acknowledgement to being visible; null before the first event"`
}

// dashboard computes an update: a dashboard, or the problem why there is none.
func (s *Server) dashboard(ctx context.Context) update {
	ctx, cancel := context.WithTimeout(ctx, liveAskTimeout)
	defer cancel()
	event := "dashboard"
	d, err := s.computeDashboard(ctx)
	data, encodeErr := json.Marshal(d)
	if err == nil {
		err = encodeErr
	}
	if err != nil {
		event = "problem"
		if data, err = json.Marshal(s.document(ctx, err, "live "+liveTopic)); err != nil {
			panic(err) // a document is plain text
		}
	}
	return sseUpdate(event, data)
}

func (s *Server) computeDashboard(ctx context.Context) (Dashboard, error) {
	now := s.config.Now().UTC()
	d := Dashboard{Now: now, Tables: []string{minuteTable, campaignTable}, Currency: dashboardCurrency}
	d.Totals.Since = now.Truncate(24 * time.Hour)
	shownFrom := now.Truncate(time.Minute).Add(time.Minute - dashboardSpan)
	// How far things are settled is asked first: it never claims more than the rows keep.
	states := s.settle(&d, shownFrom, now)
	minutes, err := s.minutes(ctx, earlier(shownFrom, d.Totals.Since), now)
	if err != nil {
		return d, err
	}
	d.fill(minutes, states, shownFrom)
	if d.Campaigns, err = s.campaigns(ctx, shownFrom, now); err != nil {
		return d, err
	}
	ingest := s.config.Ingest()
	d.Ingest.EventsPerSecond = ingest.EventsPerSecond
	if ingest.Fresh {
		ms := milliseconds(ingest.Freshness)
		d.Ingest.FreshnessMillis = &ms
	}
	return d, nil
}

// settle fills in how far the page's tables are settled, and gives the states of
// the minutes by their start in ms.
func (s *Server) settle(d *Dashboard, from, now time.Time) map[int64]progress.State {
	states := map[int64]progress.State{}
	until, watermark, tracked := batch.Final, batch.Final, false
	for _, table := range []string{minuteTable, campaignTable} {
		p, ok := s.config.Board.Of(table, from.UnixMilli(), now.UnixMilli(), now)
		if !ok {
			continue
		}
		tracked = true
		until, watermark = min(until, p.FinalUntil), min(watermark, p.Watermark)
		if d.BlockedBy == nil {
			d.BlockedBy = known(p.BlockedBy)
		}
		if table == minuteTable {
			for _, w := range p.Windows {
				states[w.Start] = w.State
			}
		}
	}
	if tracked {
		d.FinalUntil, d.Watermark = moment(until), moment(watermark)
	}
	return states
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// minute is a row of the table of minutes.
type minute struct {
	start    time.Time
	measures [4]value.Value // impressions, clicks, errors, revenue
}

// minutes reads the minutes that start in [from, to], oldest first.
func (s *Server) minutes(ctx context.Context, from, to time.Time) ([]minute, error) {
	within, err := s.within(minuteTable, from, to)
	if err != nil {
		return nil, err
	}
	var all []minute
	err = s.ask(ctx, "SELECT window_start, impressions, clicks, errors, revenue FROM "+minuteTable+" WHERE "+within+" ORDER BY window_start", minutesMax, func(row []value.Value) {
		all = append(all, minute{startOf(row[0]), [4]value.Value(row[1:])})
	})
	return all, err
}

// within is the condition that a table's windows start in [from, to].
func (s *Server) within(table string, from, to time.Time) (string, error) {
	t, ok := s.config.Catalog.Table(table)
	if !ok || t.Column("window_start") < 0 {
		return "", problem.New(problem.UnknownTable, "the live page needs the table %s", table).WithHint("start tidemark demo, or apply the project examples/ads")
	}
	kind := t.Columns[t.Column("window_start")].Type.Kind
	literal := func(at time.Time) string {
		text := at.UTC().Format("TIMESTAMP '2006-01-02 15:04:05.000'")
		if kind == value.TimestampLTZ {
			return "CAST(" + text + " AS TIMESTAMP_LTZ(3))" // the session is in UTC
		}
		return text
	}
	return "window_start >= " + literal(from) + " AND window_start <= " + literal(to), nil
}

// campaigns reads the best campaigns of the windows that start in [from, to].
func (s *Server) campaigns(ctx context.Context, from, to time.Time) ([]Campaign, error) {
	within, err := s.within(campaignTable, from, to)
	if err != nil {
		return nil, err
	}
	text := "SELECT campaign, SUM(impressions) AS impressions, SUM(clicks) AS clicks, SUM(revenue) AS revenue FROM " + campaignTable +
		" WHERE " + within + " GROUP BY campaign ORDER BY revenue DESC, campaign LIMIT " + fmt.Sprint(campaignsShown)
	var all []Campaign
	err = s.ask(ctx, text, campaignsShown, func(row []value.Value) {
		c := Campaign{Campaign: row[0].Text, Impressions: count(row[1]), Clicks: count(row[2]), Revenue: count(row[3])}
		if impressions := number(row[1]); impressions > 0 {
			c.CTR = number(row[2]) / impressions
		}
		all = append(all, c)
	})
	return all, err
}

// ask passes every row of a question of the server's own to each.
func (s *Server) ask(ctx context.Context, text string, rowsMax int, each func([]value.Value)) error {
	_, err := s.config.Asker.Ask(ctx, gateway.Question{SQL: text, RowsMax: rowsMax, Timeout: liveAskTimeout, Zone: time.UTC}, gateway.Rows{
		Start: func(*gateway.Answer) error { return nil },
		Batch: func(b *batch.Batch) error {
			b.Each(func(i int) { each(b.Row(i)) })
			return nil
		},
	})
	return err
}

// fill puts the minutes into the series and the totals.
func (d *Dashboard) fill(minutes []minute, states map[int64]progress.State, shownFrom time.Time) {
	var sums [4]value.Value
	day, first := d.Totals.Since, true
	for _, m := range minutes {
		if !m.start.Before(shownFrom) {
			d.Series = append(d.Series, DashboardMinute{Minute: m.start, State: stateOf(m.start, states, d.Now), Measures: measures(m.measures)})
		}
		if m.start.Before(day) {
			continue
		}
		if first {
			d.Totals.Since, first = m.start, false
		}
		for i, v := range m.measures {
			sums[i] = plus(sums[i], v)
		}
	}
	d.Totals.Measures = measures(sums)
}

// stateOf is the state of a minute; by the clock alone when nothing is known of it.
func stateOf(start time.Time, states map[int64]progress.State, now time.Time) progress.State {
	if state, ok := states[start.UnixMilli()]; ok {
		return state
	}
	if start.Add(time.Minute).After(now) {
		return progress.Open
	}
	return progress.Provisional
}

func measures(m [4]value.Value) Measures {
	return Measures{Impressions: count(m[0]), Clicks: count(m[1]), Errors: count(m[2]), Revenue: count(m[3])}
}

// startOf is a window_start as an instant; the session is in UTC.
func startOf(v value.Value) time.Time {
	if v.Type.Class() == value.Wides {
		return time.UnixMilli(value.InstantOfNanos(v.Wide).Millis()).UTC()
	}
	return time.UnixMicro(v.Int).UTC()
}

// count prints an integer or DECIMAL; the sum of nothing is 0.
func count(v value.Value) string {
	if v.Null || v.Type.Kind == value.Null {
		return "0"
	}
	return v.String()
}

func number(v value.Value) float64 {
	switch {
	case v.Null:
		return 0
	case v.Type.Kind == value.Decimal:
		return value.DecimalToFloat(v.Wide, v.Type.Scale)
	}
	return float64(v.Int)
}

// plus adds two numbers of one type; NULL, and the zero Value, count as nothing.
// A sum that a DECIMAL cannot hold stays as it is.
func plus(a, b value.Value) value.Value {
	switch {
	case b.Null:
		return a
	case a.Null || a.Type.Kind == value.Null:
		return b
	case a.Type.Kind == value.Decimal:
		if sum, ok := a.Wide.Add(b.Wide); ok {
			a.Wide = sum
		}
		return a
	}
	a.Int += b.Int
	return a
}
