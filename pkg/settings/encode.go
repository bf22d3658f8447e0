package settings

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// MarshalJSON writes the settings as jsonData, the form that Load reads: every
// setting of the data source, and of each node its key and whatever is not the
// default. Loading it gives the same settings.
func (s Settings) MarshalJSON() ([]byte, error) {
	document := settingsJSON{
		Nodes:                     make([]nodeJSON, 0, len(s.Nodes)),
		APIPort:                   s.APIPort,
		InteractiveTimeoutSeconds: s.InteractiveTimeout.Seconds(),
		BackgroundTimeoutSeconds:  s.BackgroundTimeout.Seconds(),
		AllowRemoteAPI:            s.AllowRemoteAPI,
		PollIntervals: pollIntervalsJSON{
			StatusSeconds:  s.Poll.Status.Seconds(),
			ScoresSeconds:  s.Poll.Scores.Seconds(),
			PayoutsSeconds: s.Poll.Payouts.Seconds(),
		},
		Thresholds:     s.Thresholds.document(nil),
		IdleStopDays:   inDays(s.IdleStop),
		MemoryLimitMiB: float64(s.MemoryLimit) / (1 << 20),
		BackfillHours:  s.Backfill.Hours(),
		Retention: retentionJSON{
			RawDays:       inDays(s.Retention.Raw),
			RollupDays:    inDays(s.Retention.Rollup),
			MinuteHours:   s.Retention.Minutes.Hours(),
			TenMinuteDays: inDays(s.Retention.TenMinutes),
			HourDays:      inDays(s.Retention.Hours),
			SizeDays:      inDays(s.Retention.Sizes),
			EventDays:     inDays(s.Retention.Events),
		},
		Store: storeJSON{
			MaxFutureMinutes:  s.Store.MaxFuture.Minutes(),
			MaxPastDays:       s.Store.MaxPast.Hours() / 24,
			FlushMilliseconds: s.Store.Flush.Milliseconds(),
			SealMinutes:       s.Store.Seal.Minutes(),
		},
		Alerts: alertsJSON{
			FlappingMinutes:    s.Alerts.Flapping.Minutes(),
			HeartbeatURL:       s.Alerts.Heartbeat,
			FullDiskIsAProblem: s.Alerts.FullDiskIsAProblem,
		},
	}
	if s.Backfill < 0 {
		document.BackfillHours = -1
	}
	for _, node := range s.Nodes {
		document.Nodes = append(document.Nodes, node.document(s.Thresholds))
	}
	return json.Marshal(document)
}

type settingsJSON struct {
	Nodes                     []nodeJSON        `json:"nodes"`
	APIPort                   int               `json:"apiPort"`
	InteractiveTimeoutSeconds float64           `json:"interactiveTimeoutSeconds"`
	BackgroundTimeoutSeconds  float64           `json:"backgroundTimeoutSeconds"`
	AllowRemoteAPI            bool              `json:"allowRemoteApi"`
	PollIntervals             pollIntervalsJSON `json:"pollIntervals"`
	Thresholds                numbersJSON       `json:"thresholds"`
	IdleStopDays              float64           `json:"idleStopDays"`
	MemoryLimitMiB            float64           `json:"memoryLimitMiB"`
	BackfillHours             float64           `json:"backfillHours"`
	Retention                 retentionJSON     `json:"retention"`
	Store                     storeJSON         `json:"store"`
	Alerts                    alertsJSON        `json:"alerts"`
}

type retentionJSON struct {
	RawDays       float64 `json:"rawDays"`
	RollupDays    float64 `json:"rollupDays"`
	MinuteHours   float64 `json:"minuteHours"`
	TenMinuteDays float64 `json:"tenMinuteDays"`
	HourDays      float64 `json:"hourDays"`
	SizeDays      float64 `json:"sizeDays"`
	EventDays     float64 `json:"eventDays"`
}

type storeJSON struct {
	MaxFutureMinutes  float64 `json:"maxFutureMinutes"`
	MaxPastDays       float64 `json:"maxPastDays"`
	FlushMilliseconds int64   `json:"flushMilliseconds"`
	SealMinutes       float64 `json:"sealMinutes"`
}

type alertsJSON struct {
	FlappingMinutes    float64 `json:"flappingMinutes"`
	HeartbeatURL       string  `json:"heartbeatUrl,omitempty"`
	FullDiskIsAProblem bool    `json:"fullDiskIsAProblem,omitempty"`
}

type pollIntervalsJSON struct {
	StatusSeconds  float64 `json:"statusSeconds"`
	ScoresSeconds  float64 `json:"scoresSeconds"`
	PayoutsSeconds float64 `json:"payoutsSeconds"`
}

// numbersJSON is an object of numbers that keeps their order.
type numbersJSON []numberJSON

type numberJSON struct {
	key   string
	value float64
}

// MarshalJSON writes the numbers as one object.
func (n numbersJSON) MarshalJSON() ([]byte, error) {
	object := []byte{'{'}
	for i, number := range n {
		if i > 0 {
			object = append(object, ',')
		}
		object = strconv.AppendQuote(object, number.key)
		value, err := json.Marshal(number.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", number.key, err)
		}
		object = append(append(object, ':'), value...)
	}
	return append(object, '}'), nil
}

// document gives the thresholds, without those that are inherited anyway.
func (t Thresholds) document(inherited *Thresholds) numbersJSON {
	var numbers numbersJSON
	for _, one := range thresholds {
		if inherited == nil || one.get(t) != one.get(*inherited) {
			numbers = append(numbers, numberJSON{one.key, one.get(t)})
		}
	}
	return numbers
}

type nodeJSON struct {
	Name             string            `json:"name"`
	Log              string            `json:"log,omitempty"`
	API              string            `json:"api,omitempty"`
	Debug            string            `json:"debug,omitempty"`
	Key              string            `json:"key,omitempty"`
	Retired          bool              `json:"retired,omitempty"`
	MaintenanceUntil string            `json:"maintenanceUntil,omitempty"`
	MutedSatellites  map[string]string `json:"mutedSatellites,omitempty"`
	Thresholds       numbersJSON       `json:"thresholds,omitempty"`
}

func (n Node) document(inherited Thresholds) nodeJSON {
	document := nodeJSON{
		Name:            n.Name,
		Log:             n.Log.String(),
		API:             n.API,
		Debug:           n.Debug,
		Key:             n.Key,
		Retired:         n.Retired,
		MutedSatellites: n.MutedSatellites,
		Thresholds:      n.Thresholds.document(&inherited),
	}
	if !n.MaintenanceUntil.IsZero() {
		document.MaintenanceUntil = n.MaintenanceUntil.UTC().Format(time.RFC3339Nano)
	}
	return document
}

func inDays(d time.Duration) float64 { return d.Hours() / 24 }
