package gateway

import "tidemark/base/telemetry"

// Measure shows what becomes of questions among the metrics.
func (g *Gateway) Measure(r *telemetry.Registry) {
	r.Read([]telemetry.Reading{
		{Name: "tidemark_gateway_answers_computed_total", Help: "Answers that were computed and can be kept.", Counts: true},
		{Name: "tidemark_gateway_answers_reused_total", Help: "Questions that got a kept answer.", Counts: true},
		{Name: "tidemark_gateway_answers_shared_total", Help: "Questions that waited for the answer to an equal one.", Counts: true},
		{Name: "tidemark_gateway_answers", Help: "Answers that are kept."},
		{Name: "tidemark_gateway_answers_bytes", Help: "Memory of the answers that are kept, about."},
		{Name: "tidemark_gateway_questions_running", Help: "Questions that are being answered, or wait for their turn."},
	}, func(show func(place int, value float64, labels ...string)) {
		c := g.Cache()
		for place, n := range []int64{c.Computed, c.Kept, c.Shared, c.Answers, c.Bytes, int64(len(g.Running()))} {
			show(place, float64(n))
		}
	})
}
