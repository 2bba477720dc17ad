"""What to serve: TF Serving's ModelServerConfig, checked, as plain records."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from google.protobuf import text_format
from tensorflow_serving.config.file_system_storage_path_source_pb2 import FileSystemStoragePathSourceConfig
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig as ModelConfigProto
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from .errors import invalid_argument

PLATFORM = "tensorflow"
VersionPolicy: TypeAlias = FileSystemStoragePathSourceConfig.ServableVersionPolicy


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """One model: where its versions are, which of them to serve, and labels that stand for versions."""

    name: str
    base_path: Path
    policy: VersionPolicy = field(default_factory=VersionPolicy)
    labels: Mapping[str, int] = field(default_factory=dict)

    def chosen(self, versions: Collection[int]) -> set[int]:
        """The versions to serve among those on disk: the latest one, unless the policy says otherwise."""
        match self.policy.WhichOneof("policy_choice"):
            case "all":
                return set(versions)
            case "specific":
                return set(versions) & set(self.policy.specific.versions)
            case _:
                return set(sorted(versions)[-max(self.policy.latest.num_versions, 1) :])


def read_config(config: ModelServerConfig) -> list[ModelConfig]:
    """The models of a configuration. INVALID_ARGUMENT for another kind of it, a name that comes twice, a relative path
    or another platform than TensorFlow.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise invalid_argument(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. "
            "Only ModelConfigList is currently supported"
        )
    models: dict[str, ModelConfig] = {}
    for model in config.model_config_list.config:
        if model.name in models:
            raise invalid_argument(f"Illegal to list model {model.name} multiple times in config list")
        models[model.name] = _read_model(model)
    return list(models.values())


def read_config_file(file: Path) -> list[ModelConfig]:
    """As read_config, from a text proto. Raises OSError, or ValueError where it does not parse."""
    try:
        return read_config(text_format.Parse(file.read_text(encoding="utf-8"), ModelServerConfig()))
    except text_format.ParseError as error:
        raise ValueError(f"{file}: {error}") from None


def _read_model(model: ModelConfigProto) -> ModelConfig:
    if not Path(model.base_path).is_absolute():
        raise invalid_argument(
            f"Expected model {model.name} to have an absolute path or URI; got base_path()={model.base_path}"
        )
    if model.model_platform != PLATFORM:
        raise invalid_argument(f"Model {model.name} requests unsupported platform {model.model_platform}")
    return ModelConfig(model.name, Path(model.base_path), model.model_version_policy, dict(model.version_labels))
