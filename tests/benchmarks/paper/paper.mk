# The convex experiments of the paper (section 5.1) as a pipeline of craig commands; make keeps the books.
#
#   make paper DATA=FOLDER            from the repository's top; QUICK=1 for one seed and fewer subsets, minutes
#
# FOLDER holds covtype (covtype.libsvm.binary[.scale], or a Parquet file covtype.parquet) and ijcnn1, ijcnn1.t, compressed or
# not. Everything is written below OUT and made again only when something it depends on is newer. Each training is tuned over
# the same grid for the same number of epochs, with one thread, and nothing runs beside it.

BIN ?= .venv/bin
DATA ?= $(or $(CRAIG_DATA),../shared/data)
OUT ?= .paper
QUICK ?=

SEEDS := $(if $(QUICK),0,0 1 2)
FRACTIONS := $(if $(QUICK),10,10 30 50 70 90)
OPTIMIZERS := sgd svrg saga
EPOCHS := $(if $(QUICK),10,20)
TRAIN := --loss logistic --l2 1e-5 --epochs $(EPOCHS) --schedule exponential --tune grid --tol 0 --threads 1

# How a subset is chosen: the paper's medoids with counts as weights, what craig does by default, strata of the features, and
# the baseline.
WAYS := paper default strata random
SELECT_paper := --algorithm auto --exemplar medoid --weights count
SELECT_default :=
SELECT_strata := --algorithm strata --weights calibrated
SELECT_random := --algorithm random
# Figure 2 needs epsilon in gradient norm.
BOUND := --loss logistic --radius 10

CRAIG := $(BIN)/craig
PYTHON := $(BIN)/python

FIGURE3_WAYS := $(if $(QUICK),paper,$(WAYS))
FIGURE1_OPTIMIZERS := $(if $(QUICK),sgd,$(OPTIMIZERS))
FIGURES := $(FIGURE1_OPTIMIZERS:%=figure1-%) figure2-covtype figure2-ijcnn1 $(FIGURE3_WAYS:%=figure3-%)

.NOTPARALLEL:
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.PHONY: all
all: $(OUT)/tables.txt $(FIGURES:%=$(OUT)/%.svg)
	@cat $(OUT)/tables.txt

# --- data -----------------------------------------------------------------------------------------------------------

$(OUT)/%/train.parquet: | $(OUT)/compiled
	@mkdir -p $(@D)
	$(PYTHON) -m tests.benchmarks.paper.prepare $* $(DATA) $@ $(@D)/test.parquet

# Kernels are compiled before anything is timed.
SAMPLE := sample_data/binary.libsvm
$(OUT)/compiled:
	@mkdir -p $(@D)
	{ for way in $(foreach w,$(WAYS),"$(SELECT_$(w))") "--algorithm partition"; do \
		$(CRAIG) select $(SAMPLE) --fraction 0.1 $$way --quiet -o $(OUT)/sample.parquet || exit 1; \
	done; } & pid=$$!; \
	for optimizer in $(OPTIMIZERS); do \
		$(CRAIG) train $(SAMPLE) --optimizer $$optimizer --epochs 1 --quiet -o $(OUT)/sample.json || exit 1; \
	done; wait $$pid
	@touch $@

# --- one run: DATASET, WAY, PERCENT, SEED -> coreset; and OPTIMIZER -> model and history -----------------------------

define subset  # (dataset, way, percent, seed)
$(OUT)/$(1)/$(2)-$(3)-$(4).parquet: $(OUT)/$(1)/train.parquet
	$(CRAIG) select $$< --fraction $$(shell echo $(3) | awk '{print $$$$1 / 100}') $$(SELECT_$(2)) --seed $(4) --threads 1 --quiet --json -o $$@ > $$@.json
endef

define training  # (dataset, way, percent, seed, optimizer)
$(OUT)/$(1)/$(2)-$(3)-$(4)-$(5).model.json: $(OUT)/$(1)/train.parquet $(if $(filter full,$(2)),,$(OUT)/$(1)/$(2)-$(3)-$(4).parquet)
	$(CRAIG) train $(OUT)/$(1)/train.parquet $(if $(filter full,$(2)),,--coreset $(OUT)/$(1)/$(2)-$(3)-$(4).parquet) \
		--optimizer $(5) $(TRAIN) --seed $(4) --monitor $(OUT)/$(1)/train.parquet --monitor $(OUT)/$(1)/test.parquet \
		--history $$(@:.model.json=.jsonl) --quiet -o $$@
RUNS_$(1) += $(OUT)/$(1)/$(2)-$(3)-$(4)-$(5).model.json
endef

$(foreach s,$(SEEDS),$(foreach w,$(WAYS),$(eval $(call subset,covtype,$(w),10,$(s)))))
$(foreach s,$(SEEDS),$(foreach o,$(OPTIMIZERS),$(eval $(call training,covtype,full,100,$(s),$(o)))))
$(foreach s,$(SEEDS),$(foreach o,$(OPTIMIZERS),$(foreach w,$(WAYS),$(eval $(call training,covtype,$(w),10,$(s),$(o))))))

$(foreach s,$(SEEDS),$(foreach w,$(WAYS),$(foreach f,$(FRACTIONS),$(eval $(call subset,ijcnn1,$(w),$(f),$(s))))))
$(foreach s,$(SEEDS),$(eval $(call training,ijcnn1,full,100,$(s),sgd)))
$(foreach s,$(SEEDS),$(foreach w,$(WAYS),$(foreach f,$(FRACTIONS),$(eval $(call training,ijcnn1,$(w),$(f),$(s),sgd)))))

# --- what is true of all of it ----------------------------------------------------------------------------------------

# The optimum on all rows, once for each data set: every model has the same objective.
WHOLE = $(OUT)/$(1)/full-100-0-sgd.model.json
$(OUT)/covtype/eval.json: $(call WHOLE,covtype)
$(OUT)/ijcnn1/eval.json: $(call WHOLE,ijcnn1)
$(OUT)/%/eval.json:
	$(CRAIG) eval $< $(OUT)/$*/train.parquet --reference auto --quiet --json > $@

# An external trainer: the exported rows and weights, in scikit-learn's RBF SVM.
SVM_WAYS := paper default random
SVM_FRACTIONS := $(if $(QUICK),10,10 30)
SVM_ROWS := $(foreach s,$(SEEDS),$(foreach w,$(SVM_WAYS),$(SVM_FRACTIONS:%=$(OUT)/ijcnn1/$(w)-%-$(s).rows.parquet)))

$(OUT)/ijcnn1/%.rows.parquet: $(OUT)/ijcnn1/%.parquet
	$(CRAIG) export $(OUT)/ijcnn1/train.parquet --coreset $< --to parquet --quiet -o $@

$(OUT)/ijcnn1/svm.json: $(SVM_ROWS)
	$(PYTHON) -m tests.benchmarks.paper.svm $(OUT)/ijcnn1/test.parquet $@ $(OUT)/ijcnn1/train.parquet $(SVM_ROWS)

$(OUT)/tables.txt: $(RUNS_covtype) $(RUNS_ijcnn1) $(OUT)/covtype/eval.json $(OUT)/ijcnn1/eval.json $(OUT)/ijcnn1/svm.json
	$(PYTHON) -m tests.benchmarks.paper.tables $(OUT) "$(WAYS)" "$(FRACTIONS)" "$(SVM_FRACTIONS)" "$(SEEDS)" > $@

# --- figures: of the first seed ---------------------------------------------------------------------------------------

# (dataset, way-percent, optimizer): a history and the seconds that its selection took
curve = --history $(OUT)/$(1)/$(2)-0-$(3).jsonl \
	--offset $$(sed -n 's/.*"select": \([0-9.]*\).*/\1/p' $(OUT)/$(1)/$(2)-0.parquet.json)
whole_curve = --history $(OUT)/$(1)/full-100-0-$(2).jsonl --offset 0
above_optimum = $(call WHOLE,$(1)) $(OUT)/$(1)/train.parquet --reference auto

$(OUT)/figure1-%.svg: $(RUNS_covtype)
	$(CRAIG) eval $(call above_optimum,covtype) $(call whole_curve,covtype,$*) \
		$(foreach w,$(WAYS),$(call curve,covtype,$(w)-10,$*)) --plot $@ > $(@:.svg=.txt)

$(OUT)/figure3-%.svg: $(RUNS_ijcnn1)
	$(CRAIG) eval $(call above_optimum,ijcnn1) $(call whole_curve,ijcnn1,sgd) \
		$(foreach f,$(FRACTIONS),$(call curve,ijcnn1,$*-$(f),sgd)) --plot $@ > $(@:.svg=.txt)

# Epsilon has to be in gradient norm here, so this selection is told the loss and a radius.
$(OUT)/figure2-%.svg: $(OUT)/%/train.parquet
	$(CRAIG) select $< --fraction 0.1 $(SELECT_paper) $(BOUND) --quiet -o $(@:.svg=.parquet)
	$(CRAIG) eval $< --coreset $(@:.svg=.parquet) --plot $@ > $(@:.svg=.txt)
