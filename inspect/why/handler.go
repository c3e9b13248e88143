package why

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Path is the path of the handler. The method is POST.
const Path = "/v1/why"

// maxQuestion is the largest body of a question in bytes. It is enough for a capture of
// about ten thousand frames.
const maxQuestion = 64 << 20

// Answer is the body of the handler's answer.
type Answer struct {
	Explanations []Explanation `json:"explanations"`
}

// Handler answers a Question in JSON by an Answer.
func Handler(d *Director) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q Question
		in := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuestion))
		in.DisallowUnknownFields()
		err := in.Decode(&q)
		if err == nil && in.More() {
			err = errors.New("data follows the JSON object")
		}
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			refuse(w, http.StatusRequestEntityTooLarge, "too-large", fmt.Errorf("the question is larger than %d bytes", maxQuestion))
			return
		}
		if err != nil {
			refuse(w, http.StatusBadRequest, "bad-request", fmt.Errorf("the question: %w", err))
			return
		}
		all, err := d.Explain(&q)
		switch {
		case errors.Is(err, ErrQuestion):
			refuse(w, http.StatusBadRequest, "bad-request", err)
			return
		case err != nil:
			refuse(w, http.StatusInternalServerError, "failed", err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(Answer{all}) // an error means that the client has gone
	})
}

// refuse sends an error in the form of the control API, with a code.
func refuse(w http.ResponseWriter, status int, code string, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"code": code, "error": err.Error()}) // likewise
}
