package replay

import (
	"encoding/binary"
	"math"
)

// answerBytes is the length of an AnswerMessage's payload: class (int32) and score (float32), little-endian.
const answerBytes = 8

// answer is what the cloud tells the edge about a frame: the index of the network's largest output, and that output.
type answer struct {
	Class int32   `json:"class"`
	Score float32 `json:"score"`
}

func (a answer) bytes() []byte {
	b := make([]byte, answerBytes)
	binary.LittleEndian.PutUint32(b, uint32(a.Class))
	binary.LittleEndian.PutUint32(b[4:], math.Float32bits(a.Score))
	return b
}

func parseAnswer(b []byte) answer {
	return answer{
		Class: int32(binary.LittleEndian.Uint32(b)),
		Score: math.Float32frombits(binary.LittleEndian.Uint32(b[4:])),
	}
}

// bestOf is the answer an output vector gives. A score JSON has no word for (a broken network's NaN) is 0.
func bestOf(output []float32) *answer {
	class, score := argmax(output)
	if f := float64(score); math.IsNaN(f) || math.IsInf(f, 0) {
		score = 0
	}
	return &answer{Class: class, Score: score}
}

// Class is the answer of an output vector: the index of its largest element, −1 where it is empty.
func Class(output []float32) int32 {
	class, _ := argmax(output)
	return class
}

// argmax returns the index and value of the largest element, the first of equals; −1 and 0 for an empty vector.
func argmax(x []float32) (class int32, score float32) {
	class = -1
	for i, v := range x {
		if class < 0 || v > score {
			class, score = int32(i), v
		}
	}
	return class, score
}
