package why_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"director/inspect/why"
)

func TestHandler_AnswersInJSON(t *testing.T) {
	r := newRig(t, 1000, web("rr", 1))
	for _, c := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"a packet", `{"proto":"tcp","src":"198.51.100.7:40000","dst":"192.0.2.10:80"}`, http.StatusOK, `"address":"10.0.0.11:8080","method":"nat"`},
		{"no packet", `{"proto":"tcp","src":"x","dst":"192.0.2.10:80"}`, http.StatusBadRequest, `"error":"the source`},
		{"icmp", `{"proto":"icmp","src":"198.51.100.7","dst":"192.0.2.10"}`, http.StatusBadRequest, `"error":"protocol \"icmp\": an ICMP error goes where`},
		{"no question", `{"protocol":"tcp"}`, http.StatusBadRequest, `"error":"the question: `},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			why.Handler(r.director()).ServeHTTP(w, httptest.NewRequest(http.MethodPost, why.Path, strings.NewReader(c.body)))
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) || !json.Valid(w.Body.Bytes()) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

func TestHandler_TakesACapture(t *testing.T) {
	r := newRig(t, 1000, web("rr", 1))
	body, err := json.Marshal(why.Question{Capture: captureOf(t, clientFrame("1", "S"), clientFrame("1", "A"))})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	why.Handler(r.director()).ServeHTTP(w, httptest.NewRequest(http.MethodPost, why.Path, strings.NewReader(string(body))))
	var answer why.Answer
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Explanations) != 2 || !answer.Explanations[1].Connection.Found {
		t.Errorf("explanations %+v", answer.Explanations)
	}
}
