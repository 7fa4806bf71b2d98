"""What the name of a folder says about the images in it."""

import dataclasses
import enum
import functools
import re
import unicodedata


class Kind(enum.Enum):
    """What a folder of images is for, as far as its name says."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    # What is known of the images, pixel by pixel: masks, annotations.
    MASK = "masks"
    # Other pictures that come with a data set: thumbnails, results.
    EXTRA = "extra"
    # That there are images below, and no more: "images", "part_2".
    CONTAINER = "container"
    # Any other name, as those of classes.
    NAME = "name"


SPLITS = (Kind.TRAIN, Kind.VALIDATION, Kind.TEST)
ASIDE = (Kind.MASK, Kind.EXTRA)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SPLIT_WORDS = {
    Kind.TRAIN: _words(
        "train training trainings trainval trn tr entrenamiento entrainement entraînement "
        "apprentissage treino treinamento addestramento allenamento trainieren lernen "
        "trainingsdaten trainingsbilder träning trening treningowe eğitim 训练 训练集 訓練 訓練集 "
        "学習 学習用 学習データ 訓練データ 훈련 학습 обучение обучающая тренировочная"
    ),
    Kind.VALIDATION: _words(
        "val valid validation validate vali dev devel development cv va validacion validación "
        "validacao validação validazione convalida validierung validierungsdaten validering "
        "walidacja doğrulama 验证 验证集 驗證 驗證集 検証 検証用 検証データ 검증 валидация "
        "валидационная"
    ),
    Kind.TEST: _words(
        "test testing tests tst ts te eval evaluation evaluate holdout heldout holdouts prueba "
        "pruebas teste testes testen testdaten testbilder prüfen prüfung pruefung essai testowe "
        "测试 测试集 測試 測試集 テスト テスト用 テストデータ 評価 테스트 시험 тест тестовая"
    ),
}
_MASK_WORDS = _words(
    "mask masks msk annotation annotations annot annots anno annos label labels lbl lbls gt gts "
    "groundtruth groundtruths truth truths segmentation segmentations segm segmap segmaps semseg "
    "semantic panoptic instance instances depth depths disparity disparities normals heatmap "
    "heatmaps saliency bbox bboxes matte mattes trimap trimaps contour contours target targets "
    "landmarks keypoints polygons colormap colormaps pixelmap pixelmaps"
)
_EXTRA_WORDS = _words(
    "thumb thumbs thumbnail thumbnails preview previews sample samples example examples demo "
    "demos cache cached tmp temp backup backups bak rejected duplicate duplicates "
    "unused result results output outputs prediction predictions pred preds predict generated "
    "reconstruction reconstructions visualization visualizations visualisation visualisations "
    "debug doc docs documentation figure figures asset assets plot plots logs "
    "unlabeled unlabelled extra extras misc checkpoint checkpoints meta metadata supplementary"
)
_CONTAINER_WORDS = _words(
    "image images img imgs picture pictures pic pics photo photos frame frames data dataset "
    "datasets set sets split splits subset subsets part parts partition fold folds folder folders "
    "dir directory file files batch batches shard shards chunk chunks jpg jpgs jpeg jpegs png "
    "pngs bmp webp tif tiff gif input inputs"
)
# They change nothing beside the words above: sizes, versions, letters.
_FILLERS = _words(
    "raw original originals orig color colour rgb gray grey resized cropped crop crops scaled "
    "small medium large big full all final new version ver hr lr hq lq px release public private "
    "clean noisy augmented aug fine coarse class classes object objects phase stage the and of "
    "for in my our only labeled labelled binary single"
)
# Ambiguous beside other words ("seg_train" may hold images, or what belongs to them).
_MASKS_ALONE = _words("seg segs")

_KNOWN = frozenset.union(*_SPLIT_WORDS.values(), _MASK_WORDS, _EXTRA_WORDS, _CONTAINER_WORDS)
# Shorter ones would be found in other words: the "tr" of "tree".
_LONG = sorted((word for word in _KNOWN | _FILLERS if len(word) >= 3), key=len, reverse=True)

_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LETTERS = re.compile(r"[^\W\d_]+")


@dataclasses.dataclass(frozen=True)
class FolderName:
    """What a name says, and whether it says so for certain.

    It does where all its words are known: "train", "Images_Train2017", "trainset-v2". Of
    "xray_test" only the one word is; whether the other is part of the data set's name, or the name
    of a class, is not known.
    """

    kind: Kind
    certain: bool
    # The words that are in no list, in order.
    unknown: tuple[str, ...]

    @classmethod
    @functools.lru_cache(maxsize=100_000)
    def read(cls, name: str, without: frozenset[str] = frozenset()) -> "FolderName":
        """Reads a name, leaving out some of its unknown words.

        Numbers, years and single letters are no words, but for the "y" of "y_train"; case, and
        what joins words, does not matter.
        """
        words = name_words(name)
        unknown = tuple(
            word for word in words if word not in _KNOWN | _FILLERS | without and len(word) > 1
        )
        found = [kind for kind, known in _SPLIT_WORDS.items() if known.intersection(words)]
        if set(words) <= _MASKS_ALONE and words:
            return cls(Kind.MASK, True, ())
        if found and "y" in words:
            return cls(Kind.MASK, not unknown, unknown)
        if _MASK_WORDS.intersection(words):
            unknown = tuple(word for word in unknown if word not in _MASKS_ALONE)
            return cls(Kind.MASK, not unknown, unknown)
        if found:
            # Samples of a split are that split; its results, thumbnails and so on are not.
            extra = (_EXTRA_WORDS - _words("sample samples")).intersection(words)
            if extra:
                return cls(Kind.EXTRA, not unknown, unknown)
            # Training and validation together are trained on; "test-dev" is tested on.
            both = Kind.TRAIN in found and Kind.TEST in found
            kind = found[0] if Kind.TEST not in found else Kind.TEST
            return cls(kind, not both and not unknown, unknown)
        if unknown or not _KNOWN.intersection(words):
            return cls(Kind.NAME, True, unknown or tuple(words))
        if _EXTRA_WORDS.intersection(words):
            return cls(Kind.EXTRA, True, ())
        return cls(Kind.CONTAINER, True, ())


def name_words(name: str) -> list[str]:
    """The words of a name, in lower case: "trainImages_2017" is "train", "images"."""
    words: list[str] = []
    # One way to write "ü": macOS stores it as "u" and a mark.
    for run in _LETTERS.findall(unicodedata.normalize("NFKC", name)):
        words += _segments(run.lower()) or [
            word
            for part in (_CAMEL.findall(run) if run.isascii() else [run])
            for word in _segments(part.lower()) or [part.lower()]
        ]
    joined = " ".join(words)
    for apart, together in (
        ("hold out", "holdout"),
        ("held out", "heldout"),
        ("ground truth", "groundtruth"),
        ("ground truths", "groundtruths"),
        ("bounding box", "bbox"),
        ("bounding boxes", "bboxes"),
    ):
        joined = re.sub(rf"\b{apart}\b", together, joined)
    return joined.split()


@functools.lru_cache(maxsize=100_000)
def _segments(text: str) -> list[str]:
    """Known words that make up the text; none if nothing does."""
    if text in _KNOWN | _FILLERS:
        return [text]
    for word in _LONG:
        if text.startswith(word):
            rest = _segments(text[len(word) :])
            if rest:
                return [word, *rest]
    return []
