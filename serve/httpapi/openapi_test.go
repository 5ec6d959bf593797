package httpapi

import (
	"archive/zip"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// TestOpenAPIDescribesEveryRoute reads the document back and looks for every
// route, its parameters, bodies and answers.
func TestOpenAPIDescribesEveryRoute(t *testing.T) {
	w := newWorld(t, nil)
	answer := httptest.NewRecorder()
	w.server.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	var api struct {
		OpenAPI string
		Info    struct{ Title, Version string }
		Paths   map[string]map[string]struct {
			OperationID string
			Summary     string
			Parameters  []struct {
				Name, In string
				Required bool
			}
			RequestBody *struct{ Content map[string]any }
			Responses   map[string]struct {
				Description string
				Content     map[string]any
			}
		}
		Components struct{ Schemas map[string]json.RawMessage }
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &api); err != nil {
		t.Fatal(err)
	}
	if api.OpenAPI != "3.1.0" || api.Info.Title == "" || api.Info.Version == "" {
		t.Errorf("head: %s %+v", api.OpenAPI, api.Info)
	}
	ids := map[string]bool{}
	described := 0
	for _, operations := range api.Paths {
		described += len(operations)
	}
	routes := w.server.routes()
	if described != len(routes) {
		t.Errorf("%d operations for %d routes", described, len(routes))
	}
	placeholder := regexp.MustCompile(`\{(\w+)\}`)
	for _, r := range routes {
		o, ok := api.Paths[r.path][strings.ToLower(r.method)]
		if !ok || o.Summary == "" || o.OperationID == "" || ids[o.OperationID] {
			t.Errorf("%s %s: described %t, %+v", r.method, r.path, ok, o)
			continue
		}
		ids[o.OperationID] = true
		for _, found := range placeholder.FindAllStringSubmatch(r.path, -1) {
			has := false
			for _, p := range o.Parameters {
				has = has || p.Name == found[1] && p.In == "path" && p.Required
			}
			if !has {
				t.Errorf("%s %s: no parameter %s", r.method, r.path, found[1])
			}
		}
		if (r.method == http.MethodPost) != (o.RequestBody != nil) {
			t.Errorf("%s %s: a body, or none", r.method, r.path)
		}
		good := false
		for status, response := range o.Responses {
			good = good || status[0] == '2'
			if response.Description == "" {
				t.Errorf("%s %s: answer %s says nothing", r.method, r.path, status)
			}
			if status[0] == '4' && response.Content["application/problem+json"] == nil {
				t.Errorf("%s %s: answer %s is no problem", r.method, r.path, status)
			}
		}
		if !good {
			t.Errorf("%s %s: no answer of success", r.method, r.path)
		}
	}
	for _, ref := range regexp.MustCompile(`"\$ref":"#/components/schemas/(\w+)"`).FindAllStringSubmatch(answer.Body.String(), -1) {
		if api.Components.Schemas[ref[1]] == nil {
			t.Errorf("schema %s is missing", ref[1])
		}
	}
	for _, name := range []string{"QueryRequest", "QueryAnswer", "EventsReceipt", "Problem", "Dashboard", "TableProgress", "JobStatus", "Table"} {
		if api.Components.Schemas[name] == nil {
			t.Errorf("schema %s is missing", name)
		}
	}
}

// TestAnswersAreAsDescribed checks real answers against their schemas.
func TestAnswersAreAsDescribed(t *testing.T) {
	w := newWorld(t, nil)
	w.fillDemo(t)
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	for _, r := range w.server.routes() {
		if r.answer == nil {
			continue
		}
		body := map[string]string{
			"send-events": `{"id":1}`, "ask": `{"sql":"SELECT * FROM ads_minute"}`, "execute-statements": `{"sql":"CREATE TABLE t (a INT)"}`, "act-on-job": `{"action":"restart"}`, "act-on-gap": `{"action":"close"}`,
			"set-quota":    `{"events_per_second":5}`,
			"plan-project": archive(t, "ods/t.sql", "a table", zip.Store), "apply-project": archive(t, "ods/t.sql", "a table", zip.Store),
		}[r.id]
		path := strings.NewReplacer("/events/{table}", "/events/clicks", "{table}", minuteTable, "{id}", "ads_minute").Replace(r.path)
		answer := httptest.NewRecorder()
		w.server.ServeHTTP(answer, httptest.NewRequest(r.method, path, strings.NewReader(body)))
		if answer.Code != http.StatusOK {
			t.Errorf("%s: %d %s", r.id, answer.Code, answer.Body)
			continue
		}
		var parsed any
		if err := json.Unmarshal(answer.Body.Bytes(), &parsed); err != nil {
			t.Errorf("%s: %v", r.id, err)
			continue
		}
		result := huma.ValidateResult{}
		huma.Validate(schemas, schemas.Schema(r.answer, true, ""), huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, parsed, &result)
		for _, err := range result.Errors {
			t.Errorf("%s: %v", r.id, err)
		}
	}
}
