package telemetry

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRegistryShowsItsMetrics(t *testing.T) {
	r := New()
	r.Counter("tidemark_test_rows_total", "Rows seen.", "table").WithLabelValues("clicks").Add(3)
	r.Counter("tidemark_test_rows_total", "Rows seen.", "table").WithLabelValues("clicks").Add(4)
	r.Gauge("tidemark_test_lag_seconds", "Lag.").WithLabelValues().Set(1.5)
	r.Histogram("tidemark_test_sync_seconds", "Syncs.", []float64{0.1, 1}).WithLabelValues().Observe(0.5)

	answer := httptest.NewRecorder()
	r.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`tidemark_test_rows_total{table="clicks"} 7`,
		`tidemark_test_lag_seconds 1.5`,
		`tidemark_test_sync_seconds_bucket{le="0.1"} 0`,
		`tidemark_test_sync_seconds_bucket{le="1"} 1`,
	} {
		if !strings.Contains(answer.Body.String(), line+"\n") {
			t.Errorf("no line %q in\n%s", line, answer.Body)
		}
	}
}

func TestProcessMetrics(t *testing.T) {
	answer := httptest.NewRecorder()
	New().WithProcess().WithProcess().Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	if !strings.Contains(answer.Body.String(), "\ngo_goroutines ") {
		t.Errorf("no go_goroutines in\n%s", answer.Body)
	}
}

func TestMetricNamesHaveOurPrefix(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a metric without the prefix was accepted")
		}
	}()
	New().Gauge("lag", "Lag.")
}

func TestLogger(t *testing.T) {
	for _, c := range []struct {
		format LogFormat
		want   string
	}{
		{LogText, `level=WARN msg="disk is full" free=0`},
		{LogJSON, `"level":"WARN","msg":"disk is full","free":0`},
	} {
		var out bytes.Buffer
		logger, err := NewLogger(&out, c.format, slog.LevelWarn)
		if err != nil {
			t.Fatal(err)
		}
		logger.Info("not shown")
		logger.Warn("disk is full", "free", 0)
		if !strings.Contains(out.String(), c.want) || strings.Contains(out.String(), "not shown") {
			t.Errorf("%s: got %s, want %s only", c.format, out.String(), c.want)
		}
	}
	if _, err := NewLogger(&bytes.Buffer{}, "xml", slog.LevelInfo); err == nil {
		t.Error("format xml was accepted")
	}
}

// TestReadings asks for values when somebody looks; who registers the names anew is
// asked from then on.
func TestReadings(t *testing.T) {
	r := New()
	lag := 3.5
	all := []Reading{
		{Name: "tidemark_test_lag_seconds", Help: "Lag.", Labels: []string{"job"}},
		{Name: "tidemark_test_rows_total", Help: "Rows.", Counts: true, Labels: []string{"job"}},
	}
	r.Read(all, func(show func(int, float64, ...string)) {
		show(0, lag, "a")
		show(1, 7, "a")
	})
	lag = 4.5
	shown := func() string {
		answer := httptest.NewRecorder()
		r.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
		return answer.Body.String()
	}
	for _, line := range []string{`tidemark_test_lag_seconds{job="a"} 4.5`, `tidemark_test_rows_total{job="a"} 7`, `# TYPE tidemark_test_rows_total counter`} {
		if !strings.Contains(shown(), line+"\n") {
			t.Errorf("no line %q in\n%s", line, shown())
		}
	}
	r.Read(all, func(show func(int, float64, ...string)) { show(0, 1, "b") })
	if text := shown(); strings.Contains(text, `job="a"`) || !strings.Contains(text, `tidemark_test_lag_seconds{job="b"} 1`) {
		t.Errorf("shown in the end:\n%s", text)
	}
}
