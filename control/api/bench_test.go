package api_test

import (
	"fmt"
	"strings"
	"testing"

	"director/sched"
)

// BenchmarkPutServices changes a thousand servers by one request, from the socket
// to the view that the workers see: it adds them, or gives all another weight.
func BenchmarkPutServices(b *testing.B) {
	const servers = 1000
	body := func(scheduler string, weight int) string {
		var list strings.Builder
		for i := range servers {
			fmt.Fprintf(&list, `,{"server":"10.1.%d.%d:8080","method":"nat","weight":%d}`, i/250, i%250+1, weight)
		}
		return fmt.Sprintf(`{"services":[{"service":"tcp:192.0.2.10:80","scheduler":%q,"servers":[%s]}]}`, scheduler, list.String()[1:])
	}
	for _, scheduler := range sched.Names() {
		light, heavy := body(scheduler, 1), body(scheduler, 2)
		b.Run("add/"+scheduler, func(b *testing.B) {
			r := newRig(b)
			for b.Loop() {
				r.does("PUT", "/v1/services", light)
				b.StopTimer()
				r.does("PUT", "/v1/services", `{"services":[]}`)
				r.Clock.Advance(1 << 40)
				r.Collect(r.Clock.Now())
				b.StartTimer()
			}
		})
		b.Run("weights/"+scheduler, func(b *testing.B) {
			r := newRig(b)
			r.does("PUT", "/v1/services", light)
			for b.Loop() {
				r.does("PUT", "/v1/services", heavy)
				light, heavy = heavy, light
			}
		})
	}
}
