package httpapi

import (
	"net/http"
	"reflect"
)

// handler answers a request, or returns an error before it has written anything.
type handler func(w http.ResponseWriter, r *http.Request) error

// route is one operation: how it is served and how it is described.
type route struct {
	method  string
	path    string
	id      string // operationId
	tag     string
	summary string
	detail  string
	handle  handler
	endless bool // a stream: how long it takes says nothing

	params  []param
	body    reflect.Type // of the JSON request; nil without
	bodies  []string     // media types of a request that is not JSON
	status  int          // of success; 0 for 200
	answer  reflect.Type // of the JSON answer; nil without
	answers []string     // further media types of the answer
	refuses []int        // statuses of problems that are the operation's own
}

// param is a parameter of an operation.
type param struct {
	name, in, about string
	kind            string // JSON type
	required        bool
	allowed         []any
}

func path(name, about string) param {
	return param{name: name, in: "path", about: about, kind: "string", required: true}
}

func of[T any]() reflect.Type { return reflect.TypeFor[T]() }

// routes is everything that is served, apart from the pages.
func (s *Server) routes() []route {
	const (
		events, asking, defining, watching, operating = "events", "questions", "definitions", "progress", "operation"
	)
	tableName := path("table", "Name of a table")
	jobName := path("id", "Name of a job")
	savepointName := path("name", "Of a savepoint")
	tenant := path("tenant", "As tables name it in their option 'tenant'")
	environment := param{name: "env", in: "query", about: "Environment of the project whose vars hold; the one named dev, if there is one, without", kind: "string"}
	prune := param{name: "prune", in: "query", about: "Whether what is not in the project is to be dropped", kind: "boolean"}
	return []route{
		{
			method: http.MethodPost, path: "/api/v1/events/{table}", id: "send-events", tag: events, handle: s.takeEvents,
			summary: "Send events to a native table",
			detail: "NDJSON or a JSON array, answered when the events are durable. One bad event never rejects the good ones: it goes to the table's quarantine, and the receipt says why. " +
				"Nothing is known of a request that got no answer, or 500; repeating it with the same Idempotency-Key is harmless.",
			params: []param{
				tableName,
				{name: "Idempotency-Key", in: "header", about: "Makes a repetition of the same body harmless; up to 256 bytes", kind: "string"},
				{name: "Content-Encoding", in: "header", about: "How the body is compressed", kind: "string", allowed: []any{"gzip", "zstd"}},
				{name: "partition", in: "query", about: "Where to put the events; in turn without", kind: "integer"},
				{name: "wait", in: "query", about: "Answer only when questions see the events", kind: "string", allowed: []any{"applied"}},
				{name: "timeout_ms", in: "query", about: "How long to wait; 10000 without, at most 60000", kind: "integer"},
			},
			bodies: []string{"application/x-ndjson", "application/json"}, answer: of[EventsReceipt](),
			refuses: []int{404, 413, 415, 429, 507},
		},
		{
			method: http.MethodPost, path: "/api/v1/query", id: "ask", tag: asking, handle: s.query,
			summary: "Ask a question",
			detail: "One query. Closing the connection cancels it. The forms other than application/json carry the question's id and how far the answer is settled in the headers X-Tidemark-Query-Id and X-Tidemark-Final-Until. " +
				"An answer that breaks off half-way ends with a broken connection.",
			body: of[QueryRequest](), answer: of[QueryAnswer](), answers: []string{"application/x-ndjson", "text/csv", arrowStream},
			refuses: []int{404, 406, 409, 413, 422, 429, 504},
		},
		{
			method: http.MethodGet, path: "/api/v1/queries", id: "list-queries", tag: asking, handle: s.listQueries,
			summary: "List the questions that are being answered", answer: of[RunningList](),
		},
		{
			method: http.MethodDelete, path: "/api/v1/queries/{id}", id: "cancel-query", tag: asking, handle: s.cancelQuery,
			summary: "Cancel a question", params: []param{path("id", "Of the question")}, status: http.StatusNoContent, refuses: []int{404},
		},
		{
			method: http.MethodPost, path: "/api/v1/statements", id: "execute-statements", tag: defining, handle: s.execute,
			summary: "Execute statements that define something",
			detail:  "Statements separated by semicolons, in turn; the first that fails ends it, and those before it stay done.",
			body:    of[StatementsRequest](), answer: of[StatementsAnswer](), refuses: []int{404, 409, 413, 422, 507},
		},
		{
			method: http.MethodPost, path: "/api/v1/project/plan", id: "plan-project", tag: defining, handle: s.planProject,
			summary: "What the applying of a project would do",
			detail:  "The body is a zip archive of the project's folder, without compression. Nothing is changed.",
			params:  []param{environment, prune}, bodies: []string{projectType}, answer: of[ProjectPlan](), refuses: []int{404, 409, 413, 422},
		},
		{
			method: http.MethodPost, path: "/api/v1/project/apply", id: "apply-project", tag: defining, handle: s.applyProject,
			summary: "Make a project true",
			detail: "Answered when its tables are what the project says, which may take as long as the plan guesses. When the connection ends before, " +
				"what was begun goes on; applying the project again does the rest. Tables that only read what has changed may still be building: GET /api/v1/jobs tells.",
			params: []param{environment, prune}, bodies: []string{projectType}, answer: of[ProjectPlan](), refuses: []int{404, 409, 413, 422, 507},
		},
		{
			method: http.MethodGet, path: "/api/v1/tables", id: "list-tables", tag: defining, handle: s.listTables,
			summary: "List tables and views", answer: of[TableList](),
		},
		{
			method: http.MethodGet, path: "/api/v1/tables/{table}", id: "get-table", tag: defining, handle: s.getTable,
			summary: "Describe a table or view", params: []param{tableName}, answer: of[Table](), refuses: []int{404},
		},
		{
			method: http.MethodGet, path: "/api/v1/progress/{table}", id: "get-progress", tag: watching, handle: s.getProgress,
			summary: "How far a table is settled, window by window",
			params: []param{
				tableName,
				{name: "from", in: "query", about: "Event time from which windows are listed, RFC 3339 or milliseconds since 1970; an hour before to without", kind: "string"},
				{name: "to", in: "query", about: "Event time before which windows start; now without", kind: "string"},
			},
			answer: of[TableProgress](), refuses: []int{404},
		},
		{
			method: http.MethodGet, path: "/api/v1/live", id: "follow", tag: watching, handle: s.follow, endless: true,
			summary: "Follow the live page",
			detail:  "Server-sent events: `dashboard` once a second with a whole Dashboard, or `problem` with a Problem while there is nothing to show. The first event comes at once.",
			params:  []param{{name: "topics", in: "query", about: "What to follow", kind: "string", required: true, allowed: []any{liveTopic}}},
			answers: []string{"text/event-stream"}, refuses: []int{429},
		},
		{
			method: http.MethodGet, path: "/api/v1/tenants/{tenant}/quota", id: "get-quota", tag: operating, handle: s.getQuota,
			summary: "How much may come in a second for the tables of a tenant together", params: []param{tenant}, answer: of[Quota](),
		},
		{
			method: http.MethodPost, path: "/api/v1/tenants/{tenant}/quota", id: "set-quota", tag: operating, handle: s.setQuota,
			summary: "Set how much may come in a second for the tables of a tenant together",
			detail:  "It holds at once, and over restarts. Whoever sends more waits: 429 with Retry-After.",
			params:  []param{tenant}, body: of[Quota](), answer: of[Quota](), refuses: []int{413, 507},
		},
		{
			method: http.MethodGet, path: "/api/v1/jobs", id: "list-jobs", tag: operating, handle: s.listJobs,
			summary: "List jobs", answer: of[JobList](),
		},
		{
			method: http.MethodGet, path: "/api/v1/jobs/{id}", id: "get-job", tag: operating, handle: s.getJob,
			summary: "How a job does", params: []param{jobName}, answer: of[JobStatus](), refuses: []int{404},
		},
		{
			method: http.MethodPost, path: "/api/v1/jobs/{id}/actions", id: "act-on-job", tag: operating, handle: s.actOnJob,
			summary: "Suspend, resume or restart a job, keep its present moment, or take it back to one", params: []param{jobName}, body: of[JobActionRequest](), answer: of[JobStatus](), refuses: []int{404, 409, 422},
		},
		{
			method: http.MethodGet, path: "/api/v1/jobs/{id}/savepoints", id: "list-savepoints", tag: operating, handle: s.listSavepoints,
			summary: "List the savepoints of a job", params: []param{jobName}, answer: of[SavepointList](), refuses: []int{404},
		},
		{
			method: http.MethodGet, path: "/api/v1/jobs/{id}/savepoints/{name}", id: "export-savepoint", tag: operating, handle: s.exportSavepoint,
			summary: "Export a savepoint as a file", params: []param{jobName, savepointName}, answers: []string{savepointType}, refuses: []int{404},
		},
		{
			method: http.MethodPost, path: "/api/v1/jobs/{id}/savepoints/{name}", id: "import-savepoint", tag: operating, handle: s.importSavepoint,
			summary: "Import a savepoint that was exported",
			detail:  "It is kept only when all of it is right, its definition is the job's, and the event log has what came behind it.",
			params:  []param{jobName, savepointName}, bodies: []string{savepointType}, answer: of[Savepoint](), refuses: []int{404, 409, 413, 422, 507},
		},
		{
			method: http.MethodDelete, path: "/api/v1/jobs/{id}/savepoints/{name}", id: "delete-savepoint", tag: operating, handle: s.forgetSavepoint,
			summary: "Delete a savepoint", params: []param{jobName, savepointName}, status: http.StatusNoContent, refuses: []int{404},
		},
		{
			method: http.MethodGet, path: "/api/v1/gaps", id: "list-gaps", tag: operating, handle: s.listGaps,
			summary: "List the gaps in the input of jobs", detail: "The newest first, also those that closed.", answer: of[GapList](),
		},
		{
			method: http.MethodGet, path: "/api/v1/gaps/{id}", id: "get-gap", tag: operating, handle: s.getGap,
			summary: "What is known of a gap", params: []param{path("id", "Of a gap")}, answer: of[Gap](), refuses: []int{404},
		},
		{
			method: http.MethodPost, path: "/api/v1/gaps/{id}/actions", id: "act-on-gap", tag: operating, handle: s.actOnGap,
			summary: "Add what a proposed gap lacks",
			detail:  "The gap closes afterwards, when both sites and the rows agree. 409 says why nothing would come of it.",
			params:  []param{path("id", "Of a gap")}, body: of[GapActionRequest](), answer: of[Gap](), refuses: []int{404, 409},
		},
		{
			method: http.MethodGet, path: "/healthz", id: "health", tag: operating, handle: s.health,
			summary: "Whether the process answers", answer: of[Health](),
		},
		{
			method: http.MethodGet, path: "/readyz", id: "readiness", tag: operating, handle: s.readiness,
			summary: "Whether the server can do its work", detail: "503 with what is missing until it can.", answer: of[Readiness](), refuses: []int{503},
		},
		{
			method: http.MethodGet, path: "/metrics", id: "metrics", tag: operating, handle: s.showMetrics,
			summary: "Metrics in the Prometheus text format", answers: []string{"text/plain"},
		},
		{
			method: http.MethodGet, path: "/openapi.json", id: "describe", tag: operating, handle: s.showOpenAPI,
			summary: "This description", answers: []string{"application/openapi+json"},
		},
	}
}
