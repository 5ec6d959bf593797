package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestMetricsOfJobs looks for what jobs, operators and partitions cost in /metrics, and
// for nothing where nothing is known.
func TestMetricsOfJobs(t *testing.T) {
	w := newWorld(t, nil)
	answer := httptest.NewRecorder()
	w.server.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range []string{
		`tidemark_httpapi_job_rows_in_total{job="ads_minute"} 42`,
		`tidemark_httpapi_job_cpu_seconds_total{job="ads_minute"} 1.5`,
		`tidemark_httpapi_job_lag_seconds{job="ads_minute"} 7.5`,
		`tidemark_httpapi_job_back_pressure{job="ads_minute"} 0.75`,
		`tidemark_httpapi_operator_cpu_seconds_total{job="ads_minute",name="Aggregate",operator="1"} 1.25`,
		`tidemark_httpapi_operator_output_wait_seconds_total{job="ads_minute",name="Aggregate",operator="1"} 0.5`,
		`tidemark_httpapi_operator_memory_bytes{job="ads_minute",name="Aggregate",operator="1"} 4096`,
		`tidemark_httpapi_split_position{job="ads_minute",split="partition 0",table="clicks"} 40`,
		`tidemark_httpapi_split_end{job="ads_minute",split="partition 0",table="clicks"} 42`,
		`tidemark_httpapi_split_lag_seconds{job="ads_minute",split="partition 0",table="clicks"} 1.2`,
	} {
		if !strings.Contains(answer.Body.String(), line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
	for _, name := range []string{"tidemark_httpapi_job_waiting_rows", "tidemark_httpapi_job_spilled_bytes", `tidemark_httpapi_operator_memory_bytes{job="ads_minute",name="Scan clicks"`} {
		if strings.Contains(answer.Body.String(), name) {
			t.Errorf("%s is shown and not known", name)
		}
	}
	if t.Failed() {
		t.Log(answer.Body.String())
	}
}
