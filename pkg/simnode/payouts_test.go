package simnode_test

import (
	"math"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
)

// What a satellite pays, in USD: for a TB (10¹² bytes) that leaves the node, and
// for a TB that is stored for a month of 720 hours.
const (
	usdEgressTB       = 2.0
	usdRepairTB       = 2.0
	usdAuditTB        = 2.0
	usdStorageTBMonth = 1.49
)

// bill is what a satellite has had in the month that is running, by the days of
// its API.
type bill struct{ egress, repair, audit, byteHours float64 }

func billOf(t *testing.T, n *simnode.Node, satellite string) (b bill) {
	t.Helper()
	one := answer(t, n.Handler(), "/api/sno/satellite/"+satellite)
	for _, v := range one["bandwidthDaily"].([]any) {
		egress := v.(map[string]any)["egress"].(map[string]any)
		b.egress += egress["usage"].(float64)
		b.repair += egress["repair"].(float64)
		b.audit += egress["audit"].(float64)
	}
	for _, v := range one["storageDaily"].([]any) {
		b.byteHours += v.(map[string]any)["atRestTotal"].(float64)
	}
	return b
}

func (b bill) usdStorage() float64 { return b.byteHours / 720 / 1e12 * usdStorageTBMonth }
func (b bill) usdEgress() float64  { return b.egress / 1e12 * usdEgressTB }
func (b bill) usdRepair() float64  { return b.repair / 1e12 * usdRepairTB }
func (b bill) usdAudit() float64   { return b.audit / 1e12 * usdAuditTB }

func about(got, want, within float64) bool { return math.Abs(got-want) <= within }

// checkEstimate compares a month of the estimated payout, in cents, with a bill.
func checkEstimate(t *testing.T, what string, month map[string]any, b bill, heldPercent float64) {
	t.Helper()
	storage, egress, rest := 100*b.usdStorage(), 100*b.usdEgress(), 100*(b.usdRepair()+b.usdAudit())
	earned := storage + egress + rest
	for key, want := range map[string]float64{
		"egressBandwidth": b.egress, "egressRepairAudit": b.repair + b.audit, "diskSpace": b.byteHours / 720,
		"heldRate": heldPercent,
	} {
		if got := month[key].(float64); !about(got, want, math.Abs(want)*1e-9) {
			t.Errorf("%s: %s is %v, want %v", what, key, got, want)
		}
	}
	for key, want := range map[string]float64{ // each is rounded to hundredths of a cent
		"egressBandwidthPayout": egress, "egressRepairAuditPayout": rest, "diskSpacePayout": storage,
		"held": earned * heldPercent / 100, "payout": earned * (1 - heldPercent/100),
	} {
		if got := month[key].(float64); !about(got, want, 0.03) {
			t.Errorf("%s: %s is %v cents, bytes × price are %v", what, key, got, want)
		}
	}
}

func TestMoneyIsBytesTimesPrice(t *testing.T) {
	// It joined in August: October is its third month, of which 75 % are held,
	// November the fourth, of which 50 % are.
	november := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	start := november.Add(-12 * time.Hour)
	n, err := simnode.New(simnode.Options{
		Start: start, JoinedAge: start.Sub(time.Date(2026, 8, 15, 0, 0, 0, 0, time.UTC)),
		Rate: 300, AuditRate: 400, Level: "error", Updates: noUpdates,
	})
	if err != nil {
		t.Fatal(err)
	}
	advance := func(at time.Time) {
		if err := n.AdvanceTo(at, nil); err != nil {
			t.Fatal(err)
		}
	}
	advance(november.Add(-1))
	october := map[string]bill{}
	for _, s := range n.Truth().Satellites {
		october[s.ID] = billOf(t, n, s.ID)
	}

	payDay := november.Add(9*24*time.Hour + 12*time.Hour)
	advance(payDay.Add(-time.Second))
	h := n.Handler()
	var sumPayout, sumPrevious, sumExpected float64
	for id, b := range october {
		estimate := answer(t, h, "/api/sno/estimated-payout?id="+id)
		previous, current := estimate["previousMonth"].(map[string]any), estimate["currentMonth"].(map[string]any)
		checkEstimate(t, id+" in October", previous, b, 75)
		checkEstimate(t, id+" in November", current, billOf(t, n, id), 50)
		payout := current["payout"].(float64)
		// nine and a half of thirty days have brought this
		if got, want := estimate["currentMonthExpectations"].(float64), payout*30/9.5; !about(got, want, 1.01) {
			t.Errorf("%s: November is expected to bring %v cents, want %v", id, got, want)
		}
		sumPayout += payout
		sumPrevious += previous["payout"].(float64)
		sumExpected += estimate["currentMonthExpectations"].(float64)

		prices := answer(t, h, "/api/sno/satellites/"+id+"/pricing")
		model := answer(t, h, "/api/sno/satellite/"+id)["priceModel"].(map[string]any)
		for _, p := range []struct {
			pricing, model string
			usd            float64
		}{
			{"egressBandwidth", "EgressBandwidth", usdEgressTB}, {"repairBandwidth", "RepairBandwidth", usdRepairTB},
			{"auditBandwidth", "AuditBandwidth", usdAuditTB}, {"diskSpace", "DiskSpace", usdStorageTBMonth},
		} {
			if prices[p.pricing] != 100*p.usd || model[p.model] != 100*p.usd {
				t.Errorf("%s: %s costs %v and %v cents, want %v", id, p.pricing, prices[p.pricing], model[p.model], 100*p.usd)
			}
		}
	}
	all := answer(t, h, "/api/sno/estimated-payout")
	for key, want := range map[string]float64{"currentMonth": sumPayout, "previousMonth": sumPrevious} {
		if got := all[key].(map[string]any)["payout"].(float64); !about(got, want, 0.01) {
			t.Errorf("all satellites' %s is %v, its parts give %v", key, got, want)
		}
	}
	if got := all["currentMonthExpectations"].(float64); got != sumExpected {
		t.Errorf("all satellites are expected to bring %v, the parts give %v", got, sumExpected)
	}
	if stubs := list(t, h, "/api/heldamount/paystubs/2026-10"); len(stubs) != 0 {
		t.Errorf("paid before the pay day: %v", stubs)
	}

	advance(payDay)
	stubs := list(t, h, "/api/heldamount/paystubs/2026-10")
	if len(stubs) != len(october) {
		t.Fatalf("%d paystubs on the pay day, want %d", len(stubs), len(october))
	}
	for _, stub := range stubs {
		id := stub["satelliteId"].(string)
		b := october[id]
		number := func(key string) float64 { return stub[key].(float64) }
		earned := 1e6 * (b.usdStorage() + b.usdEgress() + b.usdRepair() + b.usdAudit())
		for key, want := range map[string]float64{
			"usageAtRest": b.byteHours / 720, "usageGet": b.egress, "usageGetRepair": b.repair, "usageGetAudit": b.audit,
		} {
			if got := number(key); !about(got, want, math.Abs(want)*1e-9) {
				t.Errorf("%s: %s is %v, want %v", id, key, got, want)
			}
		}
		for key, want := range map[string]float64{ // whole micro-USD
			"compAtRest": 1e6 * b.usdStorage(), "compGet": 1e6 * b.usdEgress(),
			"compGetRepair": 1e6 * b.usdRepair(), "compGetAudit": 1e6 * b.usdAudit(),
		} {
			if got := number(key); !about(got, want, 0.51) || got == 0 {
				t.Errorf("%s: %s is %v micro-USD, bytes × price are %v", id, key, got, want)
			}
		}
		for key, want := range map[string]float64{"held": earned * 0.75, "owed": earned * 0.25, "paid": earned * 0.25, "distributed": earned * 0.25} {
			if got := number(key); !about(got, want, 3.5) {
				t.Errorf("%s: %s is %v micro-USD of the %v that are earned, want %v", id, key, got, earned, want)
			}
		}
	}
	// the audits of a month bring so little that the price needs enough of them to show
	if us := october[us1]; 1e6*us.usdAudit() < 50 {
		t.Errorf("audits of %v bytes are too few to tell prices apart", us.audit)
	}
}

func TestAMonthOfStorageIs720Hours(t *testing.T) {
	// nothing comes and nothing goes: 2 TB lie there all the time
	n, _ := run(t, 35*day, simnode.Options{
		Rate: -1, AuditRate: -1, JoinedAge: 400 * day, DiskUsed: 2e12, Level: "error", Updates: noUpdates,
		Satellites: []simnode.Satellite{{ID: us1, URL: "us1.storj.io:7777"}},
	})
	estimate := answer(t, n.Handler(), "/api/sno/estimated-payout?id="+us1)
	// October has 744 hours, and 4 days of November have passed since testStart
	checkEstimate(t, "October", estimate["previousMonth"].(map[string]any), bill{byteHours: 2e12 * 744}, 0)
	checkEstimate(t, "November", estimate["currentMonth"].(map[string]any), bill{byteHours: 2e12 * 4 * 24}, 0)
	if got, want := n.Truth().Satellites[0].MonthByteHour, 2e12*4*24.0; !about(got, want, 1) {
		t.Errorf("the truth has %v byte-hours in November, want %v", got, want)
	}
}
